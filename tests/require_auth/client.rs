//! The client while its MAIL is held, and while our 421 is on its way: gone, slow, or in the middle of 8 MB.

use std::io::Write;
use std::net::Shutdown;
use std::sync::mpsc::{channel, Sender};
use std::thread;
use std::time::Instant;

use nix::sys::signal::Signal;

use crate::dialogue::{begin, millis, piped, talk, test, Session, HELLO, NOTHING};
use crate::require_auth::races::{filler, one_page};
use crate::require_auth::{ours, required, MAIL, NO_PASSWORD};
use crate::support::bridge::Start;
use crate::support::kernel::{until_asleep, until_read};
use crate::support::outcome::GREETING;
use crate::support::talk::{Hear, Talk};

/// A session whose MAIL is held, because the server does not answer EHLO before the test drops (or uses) the sender; then it
/// hears our end.
fn waiting(speed: u32) -> (Session<()>, Sender<()>) {
    let (tell, told) = channel();
    let open = |start: Start| required(start).speed(speed).socket();
    let session = begin(open, NOTHING, move |mut link| {
        link.expect(HELLO.0);
        if told.recv().is_ok() {
            link.say(HELLO.1);
        }
        link.expect_end();
    });
    let mut session = talk(session, NOTHING);
    session.say(&format!("{}{MAIL}", HELLO.0));
    until_read(&session.client);
    until_asleep(&session.bridge);
    (session, tell)
}

/// Goal: the client is not read, but its reset is heard, and the smarthost's connection given back.
#[test]
fn a_client_that_resets_while_its_mail_is_held_is_gone_at_once() {
    test(|| {
        let (session, tell) = waiting(1);
        drop(tell);
        let line = session.resets().ends("client_gone", 74).line;
        assert!(line.contains(" mails=0"), "{line}");
    });
}

/// Goal: a client that half-closes behind its flight still reads the answers.
#[test]
fn a_client_that_half_closes_behind_its_mail_reads_our_421() {
    test(|| {
        let (mut session, tell) = waiting(1);
        session.hang_up();
        tell.send(()).unwrap();
        session.expect_last(&format!("{}{}", HELLO.1, ours(NO_PASSWORD)));
        session.ends("unauthenticated", 78);
    });
}

/// Goal: a client that has closed reads nothing; what the smarthost says ends the session all the same.
#[test]
fn a_client_that_closes_while_its_mail_is_held_ends_with_the_answer() {
    test(|| {
        let (session, tell) = waiting(1);
        session.client.shutdown(Shutdown::Both).unwrap();
        tell.send(()).unwrap();
        // Its kernel answers the server's words with a reset, which may come before or behind ours.
        session.ends_one_of(&[("unauthenticated", 78), ("client_gone", 74)]);
    });
}

/// Goal: the end of a pipe is no end of the session before the held MAIL is answered; the end of its reader is.
#[test]
fn a_client_on_pipes_that_closes_while_its_mail_is_held() {
    test(|| {
        for reads in [true, false] {
            let (tell, told) = channel::<()>();
            let said = format!("{}{MAIL}QUIT\r\n", HELLO.0);
            let (session, mut output) = piped(required, &said, move |mut link| {
                link.expect(HELLO.0);
                told.recv().unwrap();
                link.say(HELLO.1);
                link.expect_end();
            });
            output.expect(GREETING);
            until_asleep(&session.bridge);
            if reads {
                tell.send(()).unwrap();
                assert_eq!(String::from_utf8(output.rest()).unwrap(), format!("{}{}", HELLO.1, ours(NO_PASSWORD)));
                session.ends("unauthenticated", 78);
            } else {
                drop(output);
                tell.send(()).unwrap();
                // A process that another test is about to start has the pipe's other end for a moment longer.
                session.ends_one_of(&[("client_gone", 74), ("unauthenticated", 78)]);
            }
        }
    });
}

/// Goal: nothing is owed to a message, so no one is waited for, and not a word of ours stands in a session that is stopped.
#[test]
fn sigterm_while_mail_is_held_ends_the_session_at_once() {
    test(|| {
        let (mut session, tell) = waiting(1);
        drop(tell);
        session.bridge.signal(Signal::SIGTERM);
        session.expect_last("");
        session.ends("terminated", 75);
    });
}

/// Goal: promise 4. A held MAIL whose server says nothing is idle like any other session.
#[test]
fn promise_4_a_held_mail_waits_no_longer_than_the_idle_timeout() {
    test(|| {
        // 7200 s are 7.2 s.
        let (mut session, tell) = waiting(1000);
        session.expect_last("");
        drop(tell);
        session.ends("idle", 74);
    });
}

/// Goal: what stands behind a held MAIL is not kept but left with the client, and read to its end behind our 421, so that no
/// RST destroys that.
#[test]
fn eight_megabytes_behind_a_held_mail_cost_no_memory_and_destroy_no_reply() {
    const BEHIND: usize = 8 << 20;
    test(|| {
        let (mut session, tell) = waiting(1);
        let resident = session.bridge.memory("VmRSS");
        let mut writer = session.client.try_clone().unwrap();
        let writing = thread::spawn(move || writer.write_all(&vec![b'x'; BEHIND]));
        // As much of it as the kernel takes is there.
        until_asleep(&session.bridge);
        let grown = session.bridge.memory("VmRSS").saturating_sub(resident);
        assert!(grown < 256, "{grown} KiB more for a MAIL that is held");
        tell.send(()).unwrap();
        session.expect(HELLO.1);
        session.expect(&ours(NO_PASSWORD));
        writing.join().unwrap().expect("all of it is read");
        session.expect_last("");
        let grown = session.bridge.memory("VmHWM").saturating_sub(resident);
        assert!(grown < 512, "{grown} KiB more for what is read to its end");
        session.ends("unauthenticated", 78);
    });
}

/// Goal: promise 4. A client that reads our 421 and does not go is waited for 5 s, and no longer.
#[test]
fn promise_4_a_client_that_stays_behind_our_421_holds_nobody() {
    test(|| {
        let (mut session, tell) = waiting(10);
        tell.send(()).unwrap();
        session.expect_last(&format!("{}{}", HELLO.1, ours(NO_PASSWORD)));
        let heard = Instant::now();
        let (client, session) = session.split();
        session.ends("unauthenticated", 78);
        assert!(heard.elapsed() >= millis(450), "{:?} for 5 s / 10", heard.elapsed());
        drop(client);
    });
}

/// Goal: a client that is slow to read has 5 s for our 421, and no longer.
#[test]
fn a_slow_reader_of_our_421_reads_it_and_one_that_never_reads_holds_nobody() {
    test(|| {
        for slow in [true, false] {
            let (mut session, mut output, _tell) = one_page(1, |mut link, _told| {
                link.expect("NOOP\r\n");
                link.say(&filler());
                link.expect_end();
            });
            session.client.say(&format!("NOOP\r\n{MAIL}"));
            until_read(&session.client);
            if slow {
                until_asleep(&session.bridge);
                // The scenario.
                thread::sleep(millis(1500));
                let heard = String::from_utf8(output.rest()).unwrap();
                assert!(heard == format!("{GREETING}{}{}", filler(), ours(NO_PASSWORD)), "{heard}");
            }
            session.ends("unauthenticated", 78);
        }
    });
}
