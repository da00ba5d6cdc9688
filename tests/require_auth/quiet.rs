//! What a held MAIL costs while it is held: no CPU, no memory, and no password that stays in memory.

use std::io::Write;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::confine::memory::{found, middle};
use crate::dialogue::{piped, Session, EHLO, HELLO};
use crate::relay::quiet::{assert_quiet, window};
use crate::require_auth::{ours, required, session, LOGIN_REFUSED, MAIL, NO, NO_PASSWORD};
use crate::support::bridge::Bridge;
use crate::support::kernel::{until_asleep, until_read};
use crate::support::limit::{until, within, without_hooks, without_root, USUAL};
use crate::support::outcome::GREETING;
use crate::support::smarthost::Settings;
use crate::support::talk::Hear;

const PASSWORD: &str = "moss-lantern-quartz-42-otter-velvet";

/// A session whose MAIL is held behind `said` for as long as is measured.
fn held(said: &str) -> Session<()> {
    let mut session = session(EHLO, |mut link| {
        // Longer than what is measured.
        link.tcp.set_read_timeout(None).unwrap();
        link.rest();
    });
    session.say(&format!("{said}{MAIL}"));
    until_read(&session.client);
    session
}

/// Goal: promise 5. No thread wakes up while a MAIL waits: neither for octets that no one reads, nor for a client that has
/// half-closed or hung up.
#[test]
fn promise_5_a_held_mail_uses_no_cpu() {
    if without_hooks() {
        return;
    }
    within(window() + Duration::from_secs(60), || {
        let (waits, mut half_closed, behind) = (held("NOOP\r\n"), held("NOOP\r\n"), held("AUTH PLAIN AGEAYg==\r\n"));
        half_closed.hang_up();
        let mut writer = behind.client.try_clone().unwrap();
        thread::spawn(move || writer.write_all(&vec![b'x'; 8 << 20]));
        let (hung_up, mut output) = piped(required, &format!("{}{MAIL}", HELLO.0), |mut link| {
            link.tcp.set_read_timeout(None).unwrap();
            link.rest();
        });
        output.expect(GREETING);
        let bridges: [(&str, &Bridge); 4] = [
            ("waiting", &waits.bridge),
            ("half-closed", &half_closed.bridge),
            ("with 8 MB behind", &behind.bridge),
            ("hung up", &hung_up.bridge),
        ];
        assert_quiet(window(), &bridges);
        bridges.iter().for_each(|(_, bridge)| bridge.signal(Signal::SIGTERM));
        for session in [waits, half_closed, behind] {
            session.ends("terminated", 75);
        }
        hung_up.ends("terminated", 75);
    });
}

/// Goal: nothing grows while many replies come that change nothing for the MAIL that is held.
#[test]
fn a_held_mail_costs_no_memory_however_much_the_server_says() {
    within(USUAL, || {
        let (tell, told) = channel::<()>();
        let mut session = session(EHLO, move |mut link| {
            link.expect("HELP\r\n");
            told.recv().unwrap();
            for _ in 0..256 {
                link.say(&"214-see RFC 5321\r\n".repeat(1000));
            }
            link.say("214 done\r\n");
            link.expect_end();
        });
        session.say(&format!("HELP\r\n{MAIL}"));
        until_read(&session.client);
        until_asleep(&session.bridge);
        let resident = session.bridge.memory("VmRSS");
        tell.send(()).unwrap();
        let heard = session.client.rest();
        assert!(heard.ends_with(format!("\r\n214 done\r\n{}", ours(NO_PASSWORD)).as_bytes()), "{} octets", heard.len());
        let grown = session.bridge.memory("VmHWM").saturating_sub(resident);
        // Two buffers of 64 KiB grow to their size.
        assert!(grown < 1024, "{grown} KiB more");
        session.ends("unauthenticated", 78);
    });
}

/// Goal: a password is gone as soon as it is on its way, also if the MAIL behind it, in the same write, has to wait.
#[test]
fn nothing_of_a_password_stays_while_mail_is_held() {
    if without_root() {
        return;
    }
    within(USUAL, || {
        let plain = Settings::plain("alice", PASSWORD);
        let line = format!("AUTH PLAIN {plain}\r\n");
        let (tell, told) = channel::<()>();
        let said = line.clone();
        let mut session = session(EHLO, move |mut link| {
            link.expect(&said);
            told.recv().unwrap();
            link.say(NO);
            link.expect_end();
        });
        let words = [middle(&plain), middle(PASSWORD)];
        let nothing = |bridge: &Bridge| {
            until(Duration::from_secs(10), "nothing is left of it", || found(bridge, &words).is_empty());
        };
        session.say(&format!("{line}{MAIL}"));
        until_read(&session.client);
        until_asleep(&session.bridge);
        nothing(&session.bridge);
        // The search finds what is there: the MAIL that waits.
        assert!(!found(&session.bridge, &["alice@example.org".to_owned()]).is_empty());
        tell.send(()).unwrap();
        session.expect_last(&format!("{NO}{}", ours(LOGIN_REFUSED)));
        session.ends("unauthenticated", 78);
    });
}

/// Goal: what is dropped is dropped at once, and not only when the client has gone.
#[test]
fn what_stands_behind_a_refused_mail_is_wiped_before_the_client_is_gone() {
    if without_root() {
        return;
    }
    within(USUAL, || {
        let plain = Settings::plain("alice", PASSWORD);
        let mut session = session(EHLO, |mut link| link.expect_end());
        session.say(&format!("{MAIL}AUTH PLAIN {plain}\r\n"));
        session.expect_last(&ours(NO_PASSWORD));
        let words = [middle(&plain), "alice@example.org".to_owned()];
        // Five seconds are left for this.
        until(Duration::from_secs(3), "nothing is left of it", || found(&session.bridge, &words).is_empty());
        assert!(
            std::path::Path::new(&format!("/proc/{}/fd/0", session.bridge.pid())).exists(),
            "it waits for its client"
        );
        session.ends("unauthenticated", 78);
    });
}
