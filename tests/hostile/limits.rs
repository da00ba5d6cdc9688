//! Limits of the system: descriptors, threads, memory; and a process that is stopped for a while.

use nix::sys::signal::Signal;

use crate::hostile::calls::{fault, session};
use crate::hostile::{cases, Group};
use crate::relay::{greeted, unchanged};
use crate::support::bridge::House;
use crate::support::kernel::{until_stopped, MAIN};
use crate::support::limit::{within, without_hooks, without_root, USUAL};
use crate::support::talk::{Hear, Talk};

/// Goal: with too few descriptors there is a 421 that says so, with enough a session, and nothing else at any number in
/// between.
#[test]
fn any_limit_of_descriptors_is_a_session_or_a_421() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        // 3 are not enough to load the program.
        let outcomes: Vec<_> = (4..=16).map(|n| session(&house, &format!("ulimit -n {n};"))).collect();
        for outcome in &outcomes {
            assert_eq!(fault(outcome, "", ""), None, "{outcome:#?}");
            let refused = outcome.client.starts_with("421 4.3.0 ") && outcome.code == Some(71);
            assert!(refused || outcome.code == Some(0), "{outcome:#?}");
        }
        assert_eq!((outcomes[0].code, outcomes[12].code), (Some(71), Some(0)));
        cases(Group::Limits, outcomes.len());
    });
}

/// Goal: a user that may have no more threads.
#[test]
fn a_limit_of_threads_is_a_421() {
    if without_hooks() || without_root() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        // It counts those of `nobody`, the user that the bridge becomes.
        let outcome = session(&house, "exec prlimit --nproc=1 \"$0\" \"$@\";");
        assert_eq!(fault(&outcome, "", ""), None, "{outcome:#?}");
        assert!(outcome.client.starts_with("421 4.3.0 ") && outcome.code == Some(71), "{outcome:#?}");
        cases(Group::Limits, 1);
    });
}

/// Goal: with too little memory there is an end by SIGABRT, or a 421, and nothing incomplete in the stream; with enough a
/// session.
#[test]
fn any_limit_of_memory_leaves_the_stream_clean() {
    if without_hooks() {
        return;
    }
    within(2 * USUAL, || {
        let house = House::new();
        let mut sessions = 0;
        for mib in [12, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128, 192, 256, 512] {
            let outcome = session(&house, &format!("ulimit -v {};", mib * 1024));
            // The program cannot be loaded: the words are not ours.
            if outcome.code == Some(127) {
                continue;
            }
            assert_eq!(fault(&outcome, "", "ENOMEM"), None, "{mib} MiB: {outcome:#?}");
            sessions += usize::from(outcome.code == Some(0));
            cases(Group::Limits, 1);
        }
        assert!(sessions > 0);
    });
}

/// Goal: a stopped process (a debugger, a frozen container) goes on where it was.
#[test]
fn a_session_that_is_stopped_and_continued_loses_no_byte() {
    within(USUAL, || {
        let (bridge, mut client, peer) = greeted(unchanged, |mut link| {
            let mut up = Vec::new();
            for _ in 0..10 {
                up.extend(link.take(6));
                link.send(b"250 ok\r\n");
            }
            link.close_notify();
            up
        });
        for _ in 0..10 {
            bridge.signal(Signal::SIGSTOP);
            until_stopped(&bridge, MAIN, "signal_stop");
            client.say("NOOP\r\n");
            bridge.signal(Signal::SIGCONT);
            assert_eq!(client.line(), "250 ok\r\n");
        }
        assert_eq!(client.rest(), b"");
        assert_eq!(peer.done(), b"NOOP\r\n".repeat(10));
        drop(client);
        bridge.finish().assert("close_notify", 0);
    });
}
