//! A session that a shell script writes down in one go, through `--crlf`: the bridge sends one line at a time, because some
//! servers throw out clients that talk ahead of their replies.

use std::process::{Command, Stdio};

use crate::support::bridge::PROGRAM;
use crate::support::limit::started;
use crate::support::namespace::inside_for;
use crate::support::smarthost::Settings;
use crate::support::tested::{tested, Role};

use crate::real::machine::version;
use crate::real::LIMIT;

use super::exim::open_exim;
use super::haraka::haraka;
use super::opensmtpd::opensmtpd_behind_stunnel;
use super::postfix::postfix;
use super::Server;

/// For printf(1), as a person writes it.
const SESSION: &str = r"EHLO me.example\nMAIL FROM:<a@b>\nRCPT TO:<c@d>\nDATA\nSubject: t\n\nhello\n.\nQUIT\n";
const HELLO: &str = "hello\r\n";

/// Goal: a session that a shell script wrote down in one go arrives.
#[test]
fn exim_takes_a_session_that_a_script_wrote_at_once() {
    inside_for(LIMIT, || {
        let Some(server) = open_exim() else { return };
        takes(&server);
    });
}

/// Goal: also if a server throws out clients that do not wait for its replies, as this one does.
#[test]
fn opensmtpd_takes_a_session_that_a_script_wrote_at_once() {
    inside_for(LIMIT, || {
        let Some(server) = opensmtpd_behind_stunnel() else { return };
        takes_only_one_line_at_a_time(&server);
    });
}

#[test]
fn haraka_takes_a_session_that_a_script_wrote_at_once() {
    inside_for(LIMIT, || {
        let Some(server) = haraka() else { return };
        takes(&server);
        tested(Role::Smarthost, "haraka", "Haraka", &version("haraka"), "a script's session through --crlf");
    });
}

#[test]
fn a_postfix_that_forbids_pipelining_takes_a_session_that_a_script_wrote_at_once() {
    inside_for(LIMIT, || {
        let Some(server) = strict_postfix() else { return };
        takes_only_one_line_at_a_time(&server);
    });
}

/// Goal: a script may log in, by any of the three ways.
#[test]
fn a_script_logs_in_by_auth_plain_and_auth_login() {
    inside_for(LIMIT, || {
        let Some(server) = postfix(FORBID) else { return };
        let plain = Settings::plain("alice", "secret");
        for (n, login) in [
            format!(r"AUTH PLAIN {plain}\n"),
            format!(r"AUTH PLAIN\n{plain}\n"),
            // alice, secret
            r"AUTH LOGIN\nYWxpY2U=\nc2VjcmV0\n".to_owned(),
        ]
        .iter()
        .enumerate()
        {
            let said = script(&server, "--crlf", &SESSION.replace(r"MAIL", &format!("{login}MAIL")));
            assert!(said.contains("\r\n235 "), "{login}: {said}");
            arrives(&server, n + 1, HELLO);
        }
    });
}

/// Goal: what was refused is refused: the script's message goes nowhere, and the output says why.
#[test]
fn a_script_with_a_wrong_password_reads_that_it_was_refused() {
    inside_for(LIMIT, || {
        let Some(server) = postfix(FORBID) else { return };
        let login = format!(r"AUTH PLAIN {}\nMAIL", Settings::plain("alice", "wrong"));
        let said = script(&server, "--crlf", &SESSION.replace("MAIL", &login));
        assert!(said.contains("\r\n535 5.7.8 ") && said.contains("\r\n554 5.7.1 "), "{said}");
        assert!(said.contains("\r\n221 "), "{said}");
        assert_eq!((server.inbox)().len(), 0);
    });
}

/// Goal: what is written with a dot in front arrives without it, and a line of dots is no end.
#[test]
fn a_script_may_send_a_text_with_leading_dots() {
    inside_for(LIMIT, || {
        let Some(server) = strict_postfix() else { return };
        script(&server, "--crlf", &SESSION.replace("hello", r"..\n..hello\n...."));
        arrives(&server, 1, ".\r\n.hello\r\n...\r\n");
    });
}

/// Goal: a chunk goes out octet for octet, and its size is what the script says.
#[test]
fn a_script_may_send_a_chunk() {
    inside_for(LIMIT, || {
        let Some(server) = strict_postfix() else { return };
        let chunk = r"BDAT 19 LAST\nSubject: t\r\n\r\nhi\n\r\n";
        assert_eq!("Subject: t\r\n\r\nhi\n\r\n".len(), 19);
        let said = script(&server, "--crlf", &SESSION.replace(r"DATA\nSubject: t\n\nhello\n.\n", chunk));
        assert_eq!(codes(&said), ["220", "250", "250", "250", "250", "221"], "{said}");
        arrives(&server, 1, "hi\r\n\r\n");
    });
}

/// Goal of a test: the server throws out the session that comes at once, and takes it through `--crlf`.
#[track_caller]
fn takes_only_one_line_at_a_time(server: &Server) {
    let said = script(server, "", &SESSION.replace(r"\n", r"\r\n"));
    assert_ne!(codes(&said), TAKEN, "{said}");
    takes(server);
}

#[track_caller]
fn takes(server: &Server) {
    let said = script(server, "--crlf", SESSION);
    assert_eq!(codes(&said), TAKEN, "{said}");
    arrives(server, 1, HELLO);
}

const TAKEN: [&str; 7] = ["220", "250", "250", "250", "354", "250", "221"];

/// Those of the replies' last lines.
fn codes(said: &str) -> Vec<&str> {
    said.lines().filter(|line| line.as_bytes().get(3) != Some(&b'-')).filter_map(|line| line.get(..3)).collect()
}

/// What `printf SESSION | smtps-bridge OPTIONS HOST` prints.
#[track_caller]
fn script(server: &Server, options: &str, session: &str) -> String {
    let ca = server.house.dir.path("ca.pem");
    let pipe =
        format!("printf '{session}' | {PROGRAM} --log none {options} --ca-file {} {}", ca.display(), server.host);
    let child = Command::new("/bin/sh").args(["-c", &pipe]).stdout(Stdio::piped()).spawn().expect("/bin/sh");
    started(child.id());
    String::from_utf8_lossy(&child.wait_with_output().expect("/bin/sh").stdout).into_owned()
}

/// This many messages came, the last one with this text below its header, to which each server adds.
#[track_caller]
fn arrives(server: &Server, messages: usize, text: &str) {
    server.until("it arrives", || (server.inbox)().len() == messages);
    let inbox = (server.inbox)();
    let last = inbox.last().expect("a message");
    assert_eq!((last.from.as_str(), last.to.as_slice()), ("a@b", ["c@d".to_owned()].as_slice()));
    let (header, body) = last.above.split_once("\r\n\r\n").expect("a header");
    assert!(header.contains("Subject: t"), "{header:?}");
    assert_eq!(body, text);
}

const FORBID: &str = "smtpd_forbid_unauth_pipelining = yes\n";

fn strict_postfix() -> Option<Server> {
    postfix(&format!("{FORBID}mynetworks = 127.0.0.1\nsmtpd_relay_restrictions = permit_mynetworks, reject\n"))
}
