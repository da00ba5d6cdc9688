//! Old kernels: each system call that is younger than the oldest kernel we state answers as it does there.

use std::collections::BTreeSet;
use std::fs;

use crate::hostile::calls::session;
use crate::hostile::{cases, Group};
use crate::support::bridge::House;
use crate::support::dir::Dir;
use crate::support::limit::{within, USUAL};
use crate::support::namespace::without_tool;

/// The first number of x86-64 that Linux 3.2, which Rust's own library wants, did not have (kcmp, of Linux 3.5).
const YOUNGER: u32 = 312;

/// Goal: Landlock, getrandom and whatever the C library tries first are missing there, and mail goes all the same.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[test]
fn a_session_needs_no_call_that_linux_3_2_did_not_have() {
    if without_tool("strace") {
        return;
    }
    within(USUAL, || {
        let (house, dir) = (House::new(), Dir::new());
        dir.mode("", 0o777);
        let trace = dir.path("trace");
        let strace = |words: &str| format!("exec strace -f {words} \"$0\" \"$@\";");
        let good = session(&house, &strace(&format!("-n -o {}", trace.display())));
        assert_eq!((good.code, good.client.ends_with("221 2.0.0 Bye\r\n")), (Some(0), true), "{good:?}");

        // "4711 [ 318] getrandom(..."
        let trace = fs::read_to_string(trace).expect("a trace");
        let younger: BTreeSet<&str> = trace
            .lines()
            .filter_map(|line| line.split_once('[')?.1.split_once(']'))
            .filter(|(number, _)| number.trim().parse().is_ok_and(|number: u32| number >= YOUNGER))
            // Behind another thread's call: "<... rseq resumed>) = 0".
            .filter_map(|(_, call)| call.trim().split_once('(').map(|(name, _)| name))
            .filter(|name| !name.starts_with('<'))
            .collect();
        assert!(younger.contains("getrandom") && younger.contains("landlock_create_ruleset"), "{younger:?}");

        let calls = Vec::from_iter(younger).join(",");
        let old = session(&house, &strace(&format!("-o /dev/null -e trace={calls} -e inject={calls}:error=ENOSYS")));
        assert_eq!((old.code, old.client), (good.code, good.client), "{calls}");
        cases(Group::FailingCalls, 1);
    });
}
