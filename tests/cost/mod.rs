//! What a short session costs, counted and not timed: a count that grows by more than a quarter is a decision, not an
//! accident. Of the release build, which tests/run makes first; `cargo bench --bench peers` measures the rest.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::sys::resource::{getrusage, UsageWho};

use crate::support::bridge::{House, Start, PROGRAM};
use crate::support::limit::{skip, within, without_root};
use crate::support::namespace::{alone, without_tool};
use crate::support::outcome::{good, session};

const LIMIT: Duration = Duration::from_secs(60);

/// Any user but root, who is looked up.
const NOBODY: u32 = 65_534;

/// What one session took when it was last measured, on Debian 12 with Landlock.
struct Count {
    what: &'static str,
    usual: u64,
}

const SYSTEM_CALLS: Count = Count { what: "system calls", usual: 206 };
const PAGE_FAULTS: Count = Count { what: "page faults", usual: 172 };
const INSTRUCTIONS: Count = Count { what: "instructions", usual: 3_450_000 };

impl Count {
    #[track_caller]
    fn assert(&self, counted: u64) {
        let Count { what, usual } = self;
        assert!(counted <= usual + usual / 4, "{counted} {what}, and {usual} are usual: look at what brought them");
        // Much less is as good a reason to look: the test may count something else.
        assert!(
            counted >= usual / 2,
            "{counted} {what}, and {usual} are usual: has something been won, or not counted?"
        );
    }
}

/// The release build to a good server, by its address, as `nobody`. None, with a skip, without a release build.
fn released(house: &House, host: String) -> Option<Start> {
    let program = Path::new(PROGRAM).parent().and_then(Path::parent).map(|target| target.join("release/smtps-bridge"));
    let Some(program) = program.filter(|file| file.is_file()) else {
        skip("needs `cargo build --release`");
        return None;
    };
    // Everybody may run it there.
    fs::copy(program, house.dir.path("smtps-bridge")).expect("a copy of the release build");
    let start = house.bridge(host).program(house.dir.path("smtps-bridge")).user(NOBODY);
    // Cargo's own, where the loader would look for everything first.
    Some(start.env("LD_LIBRARY_PATH", ""))
}

#[test]
fn a_session_makes_no_more_system_calls_than_it_did() {
    if without_root() || without_tool("strace") {
        return;
    }
    within(LIMIT, || {
        let house = House::new();
        let peer = good(&house.leaf);
        let Some(start) = released(&house, peer.host()) else { return };
        let trace = house.dir.write("trace", "");
        house.dir.mode("trace", 0o666);
        session(start.under_shell(&format!("exec strace -f -o {} \"$0\" \"$@\";", trace.display()), ""));
        peer.done();
        let trace = fs::read_to_string(trace).expect("a trace");
        // Neither the second half of a call that another thread interrupted, nor a signal, nor an end.
        let calls = trace.lines().filter(|line| !["resumed>", "---", "+++"].iter().any(|mark| line.contains(mark)));
        SYSTEM_CALLS.assert(calls.count() as u64);
    });
}

#[test]
fn a_session_touches_no_more_pages_than_it_did() {
    if without_root() {
        return;
    }
    // Alone: the system adds up what all children of a process did.
    alone(LIMIT, &[], || {
        let house = House::new();
        let peer = good(&house.leaf);
        let Some(start) = released(&house, peer.host()) else { return };
        session(start);
        peer.done();
        let faults = getrusage(UsageWho::RUSAGE_CHILDREN).expect("getrusage(2)").minor_page_faults();
        PAGE_FAULTS.assert(faults.cast_unsigned());
    });
}

#[test]
fn a_session_takes_no_more_instructions_than_it_did() {
    if without_root() || without_tool("valgrind") {
        return;
    }
    within(LIMIT, || {
        let house = House::new();
        let peer = good(&house.leaf);
        let Some(start) = released(&house, peer.host()) else { return };
        let log = house.dir.write("valgrind", "");
        house.dir.mode("valgrind", 0o666);
        let valgrind =
            format!("exec valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file={}", log.display());
        session(start.under_shell(&format!("{valgrind} \"$0\" \"$@\";"), ""));
        peer.done();
        let log = fs::read_to_string(log).expect("what valgrind says");
        let collected = log.lines().find_map(|line| line.split_once("Collected : ")).unwrap_or_else(|| panic!("{log}"));
        INSTRUCTIONS.assert(collected.1.trim().parse().expect("a number"));
    });
}
