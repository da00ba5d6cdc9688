//! Rights: as which user the bridge connects, and whom it serves.

mod apparmor;
mod client;
mod environment;
mod inside;
pub mod memory;
mod namespace;
mod order;
mod user;

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::mpsc::{channel, Receiver};

use crate::support::peer::Peer;

/// A smarthost that accepts and says nothing; the channel says when the bridge has come, confined as it ever will be
/// before a session.
fn silent() -> (Peer, Receiver<()>) {
    let (tell, connected) = channel();
    let peer = Peer::tcp(move |mut tcp| {
        tell.send(()).unwrap();
        let _ = io::copy(&mut tcp, &mut io::sink());
    });
    (peer, connected)
}

/// The numbers of a line of /proc/PID/status.
fn numbers(pid: u32, name: &str) -> Vec<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in {status}"));
    line.split_whitespace().skip(1).map(|number| number.parse().unwrap()).collect()
}

/// Real, effective, saved and file system user; the same of the group; supplementary groups that are not that group.
#[track_caller]
fn assert_is(pid: u32, uid: u32, gid: u32) {
    assert_eq!((numbers(pid, "Uid:"), numbers(pid, "Gid:")), (vec![uid; 4], vec![gid; 4]));
    let others: Vec<u32> = numbers(pid, "Groups:").into_iter().filter(|group| *group != gid).collect();
    assert!(others.is_empty(), "supplementary groups {others:?}");
}

/// No core dump may hold a password: the limit is 0 and /proc/PID belongs to root (proc(5): not dumpable).
#[track_caller]
fn assert_no_core(pid: u32) {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let sizes: Vec<&str> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(sizes, ["0", "0"], "{core}");
    assert_eq!(fs::metadata(format!("/proc/{pid}/status")).unwrap().uid(), 0, "dumpable");
    assert_eq!(numbers(pid, "NoNewPrivs:"), [1]);
}
