//! Descriptors that are closed when we start: the next file to be opened would get their number.

use std::process::Stdio;

use crate::support::bridge::{House, Start};
use crate::support::limit::{within, USUAL};
use crate::support::mail;
use crate::support::outcome::GREETING;
use crate::support::peer::Peer;
use crate::support::talk::Hear;

/// Goal: without a descriptor 0 the client has nothing to say (an instant end); what the server says still comes out.
#[test]
fn a_closed_0_is_a_client_with_nothing_to_say() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            link.send(GREETING.as_bytes());
            link.send(b"221 bye\r\n");
            link.close_notify();
            link.rest().0
        });
        let start = house.bridge(peer.host()).under_shell("", "0<&-");
        let mut bridge = start.on(Stdio::null(), Stdio::piped(), Stdio::piped());
        let output = bridge.child.stdout.take().unwrap().rest();
        assert_eq!(String::from_utf8_lossy(&output), format!("{GREETING}221 bye\r\n"));
        assert!(peer.done().is_empty());
        // It is a race whose end comes first.
        assert_eq!(bridge.finish().code, 0);
    });
}

/// Goal: without a descriptor 1 no reply can be delivered, and none may end up in another file: not in the socket to the
/// smarthost.
#[test]
fn a_closed_1_sends_no_reply_to_the_wrong_place() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            link.send(GREETING.as_bytes());
            assert_eq!(link.line(), "QUIT\r\n");
            link.send(b"221 bye\r\n");
            link.close_notify();
            link.rest().0
        });
        let start = house.bridge(peer.host()).under_shell("", "1>&-");
        let mut bridge = start.on(Stdio::piped(), Stdio::null(), Stdio::piped());
        let mut input = bridge.child.stdin.take().unwrap();
        std::io::Write::write_all(&mut input, b"QUIT\r\n").unwrap();
        assert!(peer.done().is_empty());
        drop(input);
        bridge.finish().assert("close_notify", 0);
    });
}

/// Goal: without a descriptor 2 nothing of the log may come out of descriptor 1 or go to the smarthost.
#[test]
fn a_closed_2_leaves_the_stream_clean() {
    within(USUAL, || {
        let house = House::new();
        let smarthost = mail::smarthost(&house.leaf);
        let start = house.bridge(smarthost.host()).arg("-v").under_shell("", "2>&-");
        let mut bridge = start.on(Stdio::piped(), Stdio::piped(), Stdio::null());
        let (mut input, mut output) = (bridge.child.stdin.take().unwrap(), bridge.child.stdout.take().unwrap());
        mail::submit(&mut output, &mut input);
        assert!(output.rest().is_empty());
        drop(input);
        assert_eq!(bridge.finish().code, 0);
        mail::assert_arrived(&smarthost, 1);
    });
}

/// Goal: the same with an explicit `--log stderr`, and for a failure, which has more to say.
#[test]
fn a_closed_2_leaves_a_421_alone() {
    within(USUAL, || {
        let house = House::new();
        let host = crate::support::peer::nobody_listens().to_string();
        let start = house.bridge(host).args(["-v", "--log", "stderr"]).under_shell("", "2>&-");
        let mut bridge = start.on(Stdio::null(), Stdio::piped(), Stdio::null());
        let output = String::from_utf8(bridge.child.stdout.take().unwrap().rest()).unwrap();
        assert!(output.starts_with("421 4.4.1 ") && output.matches('\n').count() == 1, "{output}");
        assert_eq!(bridge.finish().code, 75);
    });
}

/// Goal: nothing at all to talk to: an exit, not a signal.
#[test]
fn all_three_closed_is_an_exit() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            link.send(GREETING.as_bytes());
            link.close_notify();
            link.rest().0
        });
        let start = house.bridge(peer.host()).under_shell("", "0<&- 1>&- 2>&-");
        assert_eq!(start.on(Stdio::null(), Stdio::null(), Stdio::null()).finish().code, 0);
        assert!(peer.done().is_empty());
    });
}

/// A bug that was: Python's and Node's "no output" is /dev/null for reading and writing, which was taken for a closed
/// descriptor.
#[test]
fn what_is_printed_into_dev_null_is_0_however_it_is_opened_and_what_cannot_be_written_is_74() {
    within(USUAL, || {
        for words in [&["--help"][..], &["--print-config", "list"], &["--print-config", "xinetd", "a"]] {
            for (redirection, code) in [("1>/dev/full", 74), ("1>/dev/null", 0), ("1<>/dev/null", 0)] {
                let start = Start::new().args(words).under_shell("", redirection);
                let ended = start.on(Stdio::null(), Stdio::null(), Stdio::piped()).finish();
                assert_eq!(ended.code, code, "{words:?} {redirection}");
            }
        }
    });
}
