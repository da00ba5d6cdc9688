//! Which thread writes to the client when both may: the moment is forced by a standard output that takes no more octets, so
//! that the thread that writes is stopped inside its write.

use std::io::PipeReader;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::mpsc::{channel, Receiver, Sender};
use std::thread;

use nix::fcntl::{fcntl, FcntlArg};

use crate::dialogue::{begin, millis, test, Session, NOTHING};
use crate::require_auth::{ours, required, MAIL, NO_PASSWORD};
use crate::support::bridge::{tcp_pair, Start};
use crate::support::kernel::{until_asleep, until_read, until_stopped};
use crate::support::outcome::GREETING;
use crate::support::peer::Link;
use crate::support::talk::{Hear, Talk};

/// The least that a pipe holds.
const PAGE: usize = 4096;

/// 5 s are 50 ms.
const HURRY: u32 = 100;

/// The server's own end, which no one asked for.
const ITS_END: &str = "421 4.4.2 smarthost.test: timeout, or a shutdown\r\n";

/// A session whose client writes to a socket and reads from a pipe of one page. The server's script gets the word when to go on.
/// Its clocks run `speed` times as fast.
pub fn one_page<T: Send + 'static>(
    speed: u32,
    script: impl FnOnce(Link, Receiver<()>) -> T + Send + 'static,
) -> (Session<T>, PipeReader, Sender<()>) {
    let (output, theirs) = std::io::pipe().unwrap();
    assert_eq!(fcntl(&theirs, FcntlArg::F_SETPIPE_SZ(4096)), Ok(4096));
    let (client, input) = tcp_pair();
    let (tell, told) = channel();
    let open = |start: Start| (required(start).speed(speed).on(OwnedFd::from(input), theirs, Stdio::null()), client);
    (begin(open, NOTHING, |link| script(link, told)), output, tell)
}

/// A reply that fills the page, behind the greeting, to its last octet.
pub fn filler() -> String {
    format!("250 {}\r\n", "x".repeat(PAGE - GREETING.len() - 6))
}

/// Goal: the server's 421 is first, and stopped inside its write: we have nothing to say any more, and not an octet of it is
/// lost.
#[test]
fn an_unsolicited_421_a_moment_before_ours_is_the_only_one() {
    test(|| {
        let (mut session, mut output, _tell) = one_page(HURRY, |mut link, _told| {
            link.expect("NOOP\r\n");
            link.say(&filler());
            link.say(ITS_END);
            link.expect_end();
        });
        session.client.say("NOOP\r\n");
        until_stopped(&session.bridge, "down", "pipe");
        held(&mut session.client, &session.bridge);
        // The scenario: longer than a client is waited for at the end of a session.
        thread::sleep(millis(300));
        assert_eq!(String::from_utf8(output.rest()).unwrap(), format!("{GREETING}{}{ITS_END}", filler()));
        session.ends("eof", 0);
    });
}

/// MAIL is said, read, and everybody waits.
fn held(client: &mut TcpStream, bridge: &crate::support::bridge::Bridge) {
    client.say(MAIL);
    until_read(client);
    until_asleep(bridge);
}

/// Goal: ours is first, and stopped inside its write: what the server says behind it is read and never written.
#[test]
fn an_unsolicited_421_a_moment_behind_ours_is_not_passed_on() {
    test(|| {
        for its_words in [ITS_END, "250 what nobody asked for\r\n", "not even a reply\r\n"] {
            let (mut session, mut output, tell) = one_page(1, move |mut link, told| {
                link.expect("NOOP\r\n");
                link.say(&filler());
                told.recv().unwrap();
                link.say(its_words);
                until_read(&link.tcp);
                link
            });
            session.client.say("NOOP\r\n");
            // The page is full, and all of it delivered.
            until_read(&session.client);
            until_asleep(&session.bridge);
            held(&mut session.client, &session.bridge);
            tell.send(()).unwrap();
            let mut link = session.peer.done();
            until_asleep(&session.bridge);
            let heard = String::from_utf8(output.rest()).unwrap();
            assert_eq!(heard, format!("{GREETING}{}{}", filler(), ours(NO_PASSWORD)), "{its_words:?}");
            link.expect_end();
            drop(session.client);
            assert_eq!(session.bridge.finish().code, 78);
            session.syslog.line(" end=unauthenticated ");
        }
    });
}

/// Goal: no word of ours may stand in a reply of which the client has half, or of which we have half.
#[test]
fn our_421_waits_until_the_client_has_the_whole_reply() {
    test(|| {
        let reply = || format!("214-{}\r\n", "x".repeat(60)).repeat(3000) + "214 done\r\n";
        let (mut session, mut output, tell) = one_page(1, move |mut link, told| {
            link.expect("HELP\r\n");
            link.say(&reply()[..150_000]);
            told.recv().unwrap();
            link.say(&reply()[150_000..]);
            link.expect_end();
        });
        session.client.say("HELP\r\n");
        until_stopped(&session.bridge, "down", "pipe");
        held(&mut session.client, &session.bridge);
        // The client reads what there is of it, and all wait for the rest.
        assert_eq!(output.exactly(GREETING.len()), GREETING.as_bytes());
        assert!(output.exactly(150_000) == reply().as_bytes()[..150_000]);
        until_asleep(&session.bridge);
        tell.send(()).unwrap();
        let heard = String::from_utf8(output.rest()).unwrap();
        assert!(heard == format!("{}{}", &reply()[150_000..], ours(NO_PASSWORD)), "{} octets", heard.len());
        session.ends("unauthenticated", 78);
    });
}

/// Goal: words that make a session unknown reach the client whole, also if it is slow: only then is the session over.
#[test]
fn the_words_that_end_a_session_are_delivered_before_it_ends() {
    test(|| {
        let (mut session, mut output, _tell) = one_page(HURRY, |mut link, _told| {
            link.expect("NOOP\r\n");
            link.say(&filler());
            link.say("250 what nobody asked for\r\n");
            link.expect_end();
        });
        session.client.say("NOOP\r\n");
        until_stopped(&session.bridge, "down", "pipe");
        held(&mut session.client, &session.bridge);
        // The scenario: longer than a client is waited for at the end of a session.
        thread::sleep(millis(300));
        let wanted = format!("{GREETING}{}250 what nobody asked for\r\n", filler());
        assert_eq!(String::from_utf8(output.rest()).unwrap(), wanted);
        session.ends("unauthenticated", 78);
    });
}

/// Goal: the reply that we wait for and the server's end come in one segment: one of the two is heard first, and neither makes
/// half a reply or two.
#[test]
fn the_last_reply_and_the_server_s_end_in_one_segment() {
    test(|| {
        for _ in 0..20 {
            let mut session = crate::require_auth::session(NOTHING, |mut link| {
                link.expect("NOOP\r\n");
                let mut segment = link.records(b"250 Ok\r\n");
                segment.extend(link.close_notify_record());
                link.raw(&segment);
                link.until_closed();
            });
            session.say(&format!("NOOP\r\n{MAIL}"));
            let heard = String::from_utf8(session.client.rest()).unwrap();
            if heard == "250 Ok\r\n" {
                session.ends("truncated", 76);
            } else {
                assert_eq!(heard, format!("250 Ok\r\n{}", ours(NO_PASSWORD)));
                session.ends("unauthenticated", 78);
            }
        }
    });
}
