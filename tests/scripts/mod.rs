//! `--crlf`: a script that says everything at once becomes a session that every server takes, and a person at a terminal
//! notices nothing.

mod person;
mod shapes;

use std::fs::File;
use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use crate::dialogue::{begin, millis, piped, Lines, BYE, NOTHING};
use crate::support::bridge::Start;
use crate::support::outcome::GREETING;
use crate::support::peer::Link;
use crate::support::talk::Hear;

const QUIT: (&str, &str) = ("QUIT\r\n", BYE);

/// After a 221 both sides end, and it is chance whose end is heard first.
const OVER: &[(&str, i32)] = &[("close_notify", 0), ("local_eof", 0)];

/// How the server of a script ended.
#[derive(Debug, PartialEq, Eq)]
enum Server {
    Served,
    /// It threw out the client, which said the wrong thing, or said it too early.
    ThrewOut(String),
}

/// A server that refuses pipelining, as Exim, OpenSMTPD, Haraka and Postfix with smtpd_forbid_unauth_pipelining do: a
/// client that talks ahead of a reply is thrown out. It closes behind the last of `lines`.
fn strict(mut link: Link, lines: Lines) -> Server {
    for (line, reply) in lines {
        let heard = String::from_utf8_lossy(&link.take(line.len())).into_owned();
        let ahead = talks_ahead(&mut link, millis(50));
        if heard != *line || ahead {
            link.say("554 5.5.0 SMTP synchronization error\r\n");
            link.close_notify();
            link.until_closed();
            return Server::ThrewOut(if ahead { format!("{heard} and more") } else { heard });
        }
        link.say(reply);
    }
    link.close_notify();
    link.until_closed();
    Server::Served
}

/// Whether the client says more within `time`, or has said it.
fn talks_ahead(link: &mut Link, time: Duration) -> bool {
    let waits = |link: &mut Link| link.tls.process_new_packets().expect("TLS in order").plaintext_bytes_to_read() > 0;
    if waits(link) {
        return true;
    }
    link.patience(time);
    let more = link.feed().is_ok() && waits(link);
    link.patience(Duration::from_secs(20));
    more
}

fn converted(start: Start) -> Start {
    start.arg("--crlf")
}

/// `printf SCRIPT | smtps-bridge --crlf HOST` with a strict server: each of `lines` is heard alone, and all replies are read.
#[track_caller]
fn works(script: &str, lines: Lines) -> String {
    let (session, mut output) = piped(converted, script, move |link| strict(link, lines));
    let heard = String::from_utf8(output.rest()).unwrap();
    let over = session.ends_one_of(OVER);
    assert_eq!(over.peer, Server::Served, "{script:?}");
    assert_eq!(heard, lines.iter().fold(GREETING.to_owned(), |all, (_, reply)| all + reply), "{script:?}");
    over.line
}

/// `smtps-bridge --crlf HOST < FILE`.
#[track_caller]
fn works_from_a_file(script: &str, lines: Lines) {
    let mut output = None;
    let open = |start: Start| {
        // Its name is gone before it is read.
        let dir = crate::support::dir::Dir::new();
        dir.write("script", script);
        let file = File::open(dir.path("script")).unwrap();
        let mut bridge = converted(start).on(file, Stdio::piped(), Stdio::piped());
        output = bridge.child.stdout.take();
        (bridge, ())
    };
    let session = begin(open, NOTHING, move |link| strict(link, lines));
    let mut heard = String::new();
    output.unwrap().read_to_string(&mut heard).unwrap();
    let over = session.ends_one_of(OVER);
    assert_eq!(over.peer, Server::Served);
    assert_eq!(heard, lines.iter().fold(GREETING.to_owned(), |all, (_, reply)| all + reply));
}
