//! Exim that is restarted, gives up or dies while a session is on. Its words in plain text, in place of a record of TLS,
//! reach the log and never the client.

use std::net::TcpStream;

use crate::support::bridge::{Bridge, Ended};
use crate::support::namespace::inside_for;
use crate::support::tested::{tested, Role};

use crate::real::machine::{version, Machine};
use crate::real::LIMIT;

use super::exim::exim_with;
use super::mail::mails;
use super::session::{bridged, Session};
use super::{listens, Server};

/// The process of the one session, below the daemon's.
const SESSION: &str = "pgrep -P $(pgrep -o -x exim4)";

/// Goal: the daemon ends and a new one starts; the session that was on goes to its end, and the mail arrives.
#[test]
fn exim_restarted_in_mid_session_takes_the_mail_all_the_same() {
    inside_for(LIMIT, || {
        let Some(server) = exim_with("") else { return };
        let (bridge, mut session) = logged_in(&server);
        machine(&server).sh("kill $(pgrep -o -x exim4)");
        server.until("the daemon is gone", || !listens(465));
        machine(&server).sh("exim4 -bd");
        server.until("it listens again", || listens(465));
        let mail = &mails(&[])[0];
        session.send(mail, true);
        let ended = session.quit(bridge);
        ended.assert("close_notify", 0);
        server.arrives(mail);
        let (bridge, mut session) = logged_in(&server);
        assert!(session.ask("NOOP").starts_with("250 "));
        session.quit(bridge).assert("close_notify", 0);
        let result = "a restart in mid-session, its 421 in plain text behind TLS, its death before and behind the dot";
        tested(Role::Smarthost, "exim-ends", "Exim (GnuTLS) that ends", &version("exim"), result);
    });
}

/// Goal: Exim tells an idle client that it ends, and writes that in plain text: the client reads an end of file.
#[test]
fn exim_ended_in_an_idle_session_is_quoted_in_the_log_alone() {
    inside_for(LIMIT, || {
        let Some(server) = exim_with("") else { return };
        let (bridge, session) = logged_in(&server);
        machine(&server).sh(&format!("kill -TERM $({SESSION})"));
        gives_up(&session.ends(bridge));
    });
}

/// Goal: the same from an Exim that has waited too long for the rest of a text, of which nothing arrives.
#[test]
fn exim_that_loses_patience_in_a_text_is_quoted_in_the_log_alone() {
    inside_for(LIMIT, || {
        let Some(server) = exim_with("smtp_receive_timeout = 1s\n") else { return };
        let (bridge, mut session) = in_a_text(&server);
        session.tell("Subject: hello\r\n\r\nhalf a ");
        gives_up(&session.ends(bridge));
        assert!((server.inbox)().is_empty());
    });
}

/// Goal: an Exim that dies in the middle of a text, or while it works on one, says nothing and nothing is delivered.
#[test]
fn exim_killed_in_a_text_or_behind_its_dot_truncates_the_session() {
    inside_for(LIMIT, || {
        let Some(server) = exim_with("acl_smtp_data = accept delay = 60s\n") else { return };
        for text in ["Subject: hello\r\n\r\nhalf a ", "Subject: hello\r\n\r\na mail\r\n.\r\n"] {
            let (bridge, mut session) = in_a_text(&server);
            let (before, _) = received(&server);
            session.tell(text);
            // A process that dies with something unread resets the connection.
            server.until("it has read the text", || {
                let (octets, unread) = received(&server);
                octets > before && unread == 0
            });
            machine(&server).sh(&format!("kill -KILL $({SESSION})"));
            session.ends(bridge).assert("truncated", 76);
        }
        assert!((server.inbox)().is_empty());
    });
}

/// Goal: the client of an idle session sees its death as any other server's end.
#[test]
fn exim_killed_in_an_idle_session_ends_it_cleanly() {
    inside_for(LIMIT, || {
        let Some(server) = exim_with("") else { return };
        let (bridge, session) = logged_in(&server);
        machine(&server).sh(&format!("kill -KILL $({SESSION})"));
        session.ends(bridge).assert("eof", 0);
    });
}

fn logged_in(server: &Server) -> (Bridge, Session<TcpStream, TcpStream>) {
    let (bridge, mut session) = bridged(&server.house, &server.host);
    session.greet();
    assert!(session.login("secret").starts_with("235 "));
    (bridge, session)
}

fn in_a_text(server: &Server) -> (Bridge, Session<TcpStream, TcpStream>) {
    let (bridge, mut session) = logged_in(server);
    session.ask("MAIL FROM:<alice@example.org>");
    session.ask("RCPT TO:<bob@example.net>");
    assert!(session.ask("DATA").starts_with("354 "));
    (bridge, session)
}

/// Octets that the smarthost's socket has received, and how many of them are unread.
#[track_caller]
fn received(server: &Server) -> (u64, u64) {
    let said = machine(server).sh("ss -tinH state established '( sport = :465 )'");
    let number = |text: Option<&str>| text.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{said}"));
    let octets = said.split_whitespace().find_map(|word| word.strip_prefix("bytes_received:"));
    (number(octets), number(said.split_whitespace().next()))
}

fn machine(server: &Server) -> &Machine {
    server.machine.as_ref().expect("a machine")
}

/// The session's line has Exim's words, and none of a library's.
#[track_caller]
fn gives_up(ended: &Ended) {
    ended.assert("bad_record", 76);
    let line = ended.line();
    let words = line.contains("421 smtp.example.com") && line.contains("closing connection");
    assert!(words && !line.contains("InvalidContentType"), "{line}");
}
