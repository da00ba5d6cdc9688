//! What the process can still do after each step of its confinement, tried from inside.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use nix::fcntl::{fcntl, FcntlArg, FdFlag};

use crate::support::bridge::{Ended, House, Start};
use crate::support::dir::Dir;
use crate::support::limit::{skip, within, without_hooks, without_root, USUAL};
use crate::support::namespace::{inside, sh};
use crate::support::outcome::{carried, good};

const NOBODY: u32 = 65534;

/// Another process of the bridge's user.
struct Sibling(Child);

impl Sibling {
    fn new() -> Sibling {
        let mut sleep = Command::new("sleep");
        Sibling(sleep.arg("1000").uid(NOBODY).gid(NOBODY).stdin(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Sibling {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A session started as root, with a probe after each step.
fn probed(change: impl FnOnce(Start) -> Start) -> Ended {
    let (house, probe, sibling) = (House::new(), Dir::new(), Sibling::new());
    probe.write("file", "");
    probe.mode("file", 0o666);
    probe.mode("", 0o777);
    let peer = good(&house.leaf);
    let start = house.bridge(peer.host()).args(["--user", &format!("{NOBODY}:{NOBODY}")]);
    let start = start.env("SMTPS_BRIDGE_TEST_PROBE", probe.path(""));
    let start = start.env("SMTPS_BRIDGE_TEST_PROBE_PID", sibling.0.id().to_string());
    let (bridge, client) = change(start).socket();
    let ended = carried(bridge, client);
    peer.done();
    ended
}

#[track_caller]
fn assert_probe(ended: &Ended, step: &str, words: &str) {
    let line = ended.log.lines().find_map(|line| line.split_once(&format!("probe step={step} ")));
    assert_eq!(line.map(|(_, words)| words), Some(words), "{}", ended.log);
}

/// Goal: design section 9. Each step takes away what the next stages do not need.
#[test]
fn each_step_takes_away_what_is_not_needed_any_more() {
    if without_hooks() || without_root() {
        return;
    }
    within(USUAL, || {
        let ended = probed(|start| start.arg("-v"));
        if !ended.log.contains("confined landlock=full") {
            return skip("needs a kernel that has all of Landlock (6.12)");
        }
        assert_probe(
            &ended,
            "network",
            "read=ok write=EACCES create=EACCES execute=EACCES connect=EACCES bind=EACCES thread=ok memory=EACCES \
             signal=EPERM root=EPERM",
        );
        assert_probe(
            &ended,
            "session",
            "read=EACCES write=EACCES create=EACCES execute=EACCES connect=EACCES bind=EACCES thread=ok memory=EACCES \
             signal=EPERM root=EPERM",
        );
        assert_probe(
            &ended,
            "threads",
            "read=EACCES write=EACCES create=EACCES execute=EAGAIN connect=EACCES bind=EACCES thread=EAGAIN \
             memory=EACCES signal=EPERM root=EPERM",
        );
    });
}

/// Goal: a kernel without Landlock carries mail all the same, and the limits and the user hold there too.
#[test]
fn without_landlock_a_session_works_and_the_rest_of_the_confinement_holds() {
    if without_hooks() || without_root() {
        return;
    }
    within(USUAL, || {
        let ended = probed(|start| start.env("SMTPS_BRIDGE_TEST_NO_LANDLOCK", "1"));
        // What Landlock alone takes away is there: the probe sees the difference.
        assert_probe(
            &ended,
            "threads",
            "read=ok write=ok create=ok execute=EAGAIN connect=ECONNREFUSED bind=ok thread=EAGAIN memory=ok signal=ok \
             root=EPERM",
        );
    });
}

/// Goal: what a superserver left open is closed before anything else: it may be its listening socket.
#[test]
fn descriptors_above_2_that_were_inherited_are_closed() {
    within(USUAL, || {
        let house = House::new();
        let peer = good(&house.leaf);
        let left = File::open("/proc/self/status").unwrap();
        fcntl(&left, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
        let (ours, theirs) = std::io::pipe().unwrap();
        fcntl(&theirs, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
        let (bridge, client) = house.bridge(peer.host()).socket();
        drop(theirs);
        // Its end: no other process holds the pipe open, though the bridge still runs.
        let mut ours = File::from(OwnedFd::from(ours));
        assert_eq!(std::io::copy(&mut ours, &mut std::io::sink()).unwrap(), 0);
        let open = fs::read_dir(format!("/proc/{}/fd", bridge.pid())).unwrap();
        let open: Vec<_> = open.flatten().filter_map(|fd| fs::read_link(fd.path()).ok()).collect();
        assert!(!open.iter().any(|path| path.ends_with("status")), "{open:?}");
        carried(bridge, client);
        peer.done();
    });
}

/// Goal: the same if there is no /proc to look them up in: a chroot, or a container that hides it.
#[test]
fn descriptors_that_were_inherited_are_closed_without_proc_too() {
    inside(|| {
        let house = House::new();
        let peer = good(&house.leaf);
        sh("mount -t tmpfs none /proc");
        let (ours, theirs) = std::io::pipe().unwrap();
        fcntl(&theirs, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
        let (bridge, client) = house.bridge(peer.host()).socket();
        drop(theirs);
        // Its end, though the bridge still runs.
        let mut ours = File::from(OwnedFd::from(ours));
        assert_eq!(std::io::copy(&mut ours, &mut std::io::sink()).unwrap(), 0);
        carried(bridge, client);
        peer.done();
    });
}

/// Goal: no more descriptors and threads than a session needs.
#[test]
fn the_limits_of_a_session_are_tight() {
    if without_root() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let (tell, told) = std::sync::mpsc::channel::<()>();
        let peer = crate::support::peer::Peer::start(&house.leaf, move |mut link| {
            link.send(crate::support::outcome::GREETING.as_bytes());
            told.recv().unwrap();
            link.send(b"221 bye\r\n");
            link.close_notify();
            link.until_closed();
        });
        let (bridge, mut client) = house.bridge(peer.host()).socket();
        crate::support::talk::Hear::line(&mut client);
        let limits = fs::read_to_string(format!("/proc/{}/limits", bridge.pid())).unwrap();
        for (name, limit) in [("Max open files", "16"), ("Max processes", "0"), ("Max core file size", "0")] {
            let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            assert_eq!(line.split_whitespace().take(2).collect::<Vec<_>>(), [limit, limit], "{name}: {limits}");
        }
        tell.send(()).unwrap();
        drop(client);
        peer.done();
        bridge.finish();
    });
}
