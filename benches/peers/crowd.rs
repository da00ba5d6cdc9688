//! Many sessions of one program at once.

use std::fs;
use std::io;
use std::time::Instant;

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
    /// Memory that each of them has for itself.
    pub fn private_mib(&self) -> io::Result<Vec<f64>> {
        let private = |session: &Session| {
            // Ours is closed to other processes of its user (PR_SET_DUMPABLE), so only root can look.
            let rollup = as_root(|| fs::read_to_string(format!("/proc/{}/smaps_rollup", session.pid())))?;
            Ok((kib(&rollup, "Private_Clean:")? + kib(&rollup, "Private_Dirty:")?) / 1024.0)
        };
        self.sessions.iter().map(private).collect()
    }

    pub fn end(mut self) -> io::Result<()> {
        self.sessions.iter_mut().try_for_each(|session| session.client.quit())?;
        self.sessions.into_iter().try_for_each(|session| session.end().map(drop))
    }
}
