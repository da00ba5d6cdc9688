//! A superserver of ours: it accepts, starts a program for each connection, and looks after nothing else.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::programs::{Program, Target};
use crate::session::{self, Client};

/// As many clients as keep every processor busy while some of them wait.
fn clients() -> usize {
    thread::available_parallelism().map_or(2, usize::from) * 2
}

/// Short sessions a second: clients one after the other for this many seconds, counted until the last program is gone.
pub fn rate(program: &Program, target: &Target, seconds: f64) -> io::Result<f64> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let (ending, started) = (AtomicBool::new(false), Instant::now());
    let deadline = started + Duration::from_secs_f64(seconds);
    thread::scope(|scope| {
        let superserver = scope.spawn(|| serve(&listener, program, target, &ending));
        let clients: Vec<_> = (0..clients()).map(|_| scope.spawn(|| sessions(port, deadline))).collect();
        let counts: Vec<io::Result<u32>> = clients.into_iter().map(joined).collect();
        ending.store(true, Ordering::SeqCst);
        TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        joined(superserver)?;
        let count: u32 = counts.into_iter().sum::<io::Result<u32>>()?;
        Ok(f64::from(count) / started.elapsed().as_secs_f64())
    })
}

fn joined<T>(thread: thread::ScopedJoinHandle<io::Result<T>>) -> io::Result<T> {
    thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
}

fn serve(listener: &TcpListener, program: &Program, target: &Target, ending: &AtomicBool) -> io::Result<()> {
    let mut command = program.command(target)?;
    let mut children: Vec<Child> = Vec::new();
    for client in listener.incoming() {
        let client = client?;
        if ending.load(Ordering::SeqCst) {
            break;
        }
        command.stdin(Stdio::from(OwnedFd::from(client.try_clone()?))).stdout(Stdio::from(OwnedFd::from(client)));
        children.push(command.spawn()?);
        // The command would hold the client's socket open until the next one comes.
        command.stdin(Stdio::null()).stdout(Stdio::null());
        children.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    }
    children.iter_mut().try_for_each(session::wait)
}

fn sessions(port: u16, deadline: Instant) -> io::Result<u32> {
    let mut count = 0;
    while Instant::now() < deadline {
        let mut client = Client::connect(port)?;
        client.reply("220")?;
        client.mail()?;
        client.quit()?;
        count += 1;
    }
    Ok(count)
}
