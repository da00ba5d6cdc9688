//! Many sessions of one program at once.

use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use nix::unistd::sync;

use crate::measures::kib;
use crate::place::as_root;
use crate::programs::{Program, Target};
use crate::session::Session;

pub struct Crowd {
    sessions: Vec<Session>,
    /// From the first start to the last greeting.
    pub greeted_ms: f64,
}

/// Starts them all, then waits until each client has its greeting.
pub fn gather(program: &Program, target: &Target, count: usize) -> io::Result<Crowd> {
    // The pages of a file that was just written count as changed, and so as private, until they are on the disk.
    sync();
    let started = Instant::now();
    let mut sessions: Vec<Session> = (0..count).map(|_| Session::start(program, target)).collect::<io::Result<_>>()?;
    sessions.iter_mut().try_for_each(|session| session.greeting().map(drop))?;
    Ok(Crowd { sessions, greeted_ms: started.elapsed().as_secs_f64() * 1000.0 })
}

impl Crowd {
    /// Memory that each of them has for itself, added up.
    pub fn private_mib(&self) -> io::Result<f64> {
        let private = |session: &Session| {
            // Ours is closed to other processes of its user (PR_SET_DUMPABLE), so only root can look.
            let rollup = as_root(|| fs::read_to_string(format!("/proc/{}/smaps_rollup", session.pid())))?;
            Ok((kib(&rollup, "Private_Clean:")? + kib(&rollup, "Private_Dirty:")?) / 1024.0)
        };
        self.sessions.iter().map(private).sum()
    }

    /// CPU that one of them uses while no one says anything, microseconds a second.
    pub fn idle_us(&self, seconds: f64) -> io::Result<f64> {
        // What follows the greeting is not idleness.
        thread::sleep(Duration::from_millis(200));
        let (before, started) = (self.cpu_ns()?, Instant::now());
        thread::sleep(Duration::from_secs_f64(seconds));
        let used = self.cpu_ns()? - before;
        Ok(used / 1000.0 / started.elapsed().as_secs_f64() / self.sessions.len() as f64)
    }

    /// Of all threads of all sessions.
    fn cpu_ns(&self) -> io::Result<f64> {
        self.sessions.iter().map(|session| as_root(|| cpu_ns(session.pid()))).sum()
    }

    pub fn end(mut self) -> io::Result<()> {
        self.sessions.iter_mut().try_for_each(|session| session.client.quit())?;
        self.sessions.into_iter().try_for_each(|session| session.end().map(drop))
    }
}

/// The first number of schedstat: nanoseconds on a processor. The process's own file has its main thread's alone.
fn cpu_ns(pid: u32) -> io::Result<f64> {
    let mut sum = 0.0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        let number = text.split(' ').next().and_then(|number| number.parse::<f64>().ok());
        sum += number.ok_or_else(|| io::Error::other("no time in schedstat"))?;
    }
    Ok(sum)
}
