//! Promise 5: no CPU while a session is idle, half-closed or stalled.

use std::fs;
use std::io::{ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::relay::{greeted, noise, unchanged};
use crate::support::bridge::Bridge;
use crate::support::kernel::{until_asleep, until_blocked, MAIN};
use crate::support::limit::{within, without_hooks};
use crate::support::peer::{Link, Received};
use crate::support::talk::{Hear, Talk};

/// What one session may use in the time that is measured.
const MOST: Duration = Duration::from_millis(10);

/// Of all threads of a bridge.
#[derive(Debug)]
struct Used {
    cpu: Duration,
    /// How often a thread that slept went back to sleep: each time something has woken it.
    sleeps: u64,
}

impl Used {
    fn so_far(bridge: &Bridge) -> Used {
        let mut used = Used { cpu: Duration::ZERO, sleeps: 0 };
        for task in fs::read_dir(format!("/proc/{}/task", bridge.pid())).unwrap() {
            let read = |file: &str| fs::read_to_string(task.as_ref().unwrap().path().join(file)).unwrap();
            // sched-stats in the kernel's documentation: the first number is the time on a CPU in nanoseconds. The ticks
            // of /proc/PID/stat are 10 ms long, all that is allowed.
            let schedstat = read("schedstat");
            used.cpu += Duration::from_nanos(schedstat.split(' ').next().unwrap().parse().unwrap());
            let status = read("status");
            let sleeps = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
            used.sleeps += sleeps.trim().parse::<u64>().unwrap();
        }
        used
    }
}

/// How long nothing may happen: a minute in CI, three seconds elsewhere.
pub fn window() -> Duration {
    Duration::from_secs(if std::env::var("CI").as_deref() == Ok("true") { 60 } else { 3 })
}

/// A wait that is the measurement itself.
pub fn assert_quiet(window: Duration, sessions: &[(&str, &Bridge)]) {
    sessions.iter().for_each(|(_, bridge)| until_asleep(bridge));
    let before: Vec<Used> = sessions.iter().map(|(_, bridge)| Used::so_far(bridge)).collect();
    thread::sleep(window);
    for ((name, bridge), before) in sessions.iter().zip(before) {
        let after = Used::so_far(bridge);
        let (cpu, wakes) = (after.cpu - before.cpu, after.sleeps - before.sleeps);
        assert!(
            cpu < MOST && wakes == 0,
            "{name}: {cpu:?} of CPU and {wakes} times awake in {window:?} without a byte"
        );
    }
}

/// The client has ended, and the server owes it an answer for as long as is measured: 660 s.
fn half_closed() -> (Bridge, TcpStream, Link) {
    let (bridge, mut client, peer) = greeted(unchanged, |mut link| {
        link.expect("NOOP\r\n");
        link
    });
    client.say("NOOP\r\n");
    client.shutdown(Shutdown::Write).unwrap();
    (bridge, client, peer.done())
}

/// Both directions are full: neither the server nor the client reads.
fn stalled() -> (Bridge, TcpStream, Link) {
    let (bridge, mut client, peer) = greeted(unchanged, |mut link| {
        link.tcp.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        while link.try_send(&noise(1 << 20, 1)).is_ok() {}
        link
    });
    client.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let full = loop {
        if let Err(error) = client.write_all(&noise(1 << 20, 1)) {
            break error;
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    let (up, down) = (client.local_addr().unwrap(), peer.addr);
    let link = peer.done();
    until_blocked(&bridge, MAIN, up);
    until_blocked(&bridge, "down", down);
    (bridge, client, link)
}

/// Goal: promise 5. Nothing wakes a session that is idle, with and without an idle timeout, half-closed, or stalled both
/// ways: in a minute in CI, in three seconds elsewhere.
#[test]
fn promise_5_a_session_that_is_idle_half_closed_or_stalled_uses_no_cpu() {
    if without_hooks() {
        return;
    }
    let window = window();
    within(window + Duration::from_secs(60), move || {
        let until_the_end = |mut link: Link| {
            // Longer than what is measured.
            link.tcp.set_read_timeout(None).unwrap();
            link.rest().1
        };
        let idle = greeted(unchanged, until_the_end);
        let endless = greeted(|start| start.args(["--idle-timeout", "0"]), until_the_end);
        let (half_closed, stalled) = (half_closed(), stalled());
        let sessions = [
            ("idle", &idle.0),
            ("without a timeout", &endless.0),
            ("half-closed", &half_closed.0),
            ("stalled", &stalled.0),
        ];
        assert_quiet(window, &sessions);
        for (bridge, mut client, peer) in [idle, endless] {
            bridge.signal(Signal::SIGTERM);
            assert_eq!(peer.done(), Received::CloseNotify);
            assert!(client.rest().is_empty());
            drop(client);
            bridge.finish().assert("terminated", 75);
        }
        let (bridge, client, link) = half_closed;
        drop(client);
        bridge.signal(Signal::SIGTERM);
        bridge.finish().assert("terminated", 75);
        drop(link);
        let (bridge, client, link) = stalled;
        drop((link, client));
        bridge.finish();
    });
}
