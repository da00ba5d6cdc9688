//! A flight whose MAIL is held, answered, and interrupted: at each system call from its reading to the exit, by a signal, an
//! error, or a delay in which the other thread runs ahead.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use crate::dialogue::HELLO;
use crate::hostile::calls::{failures, injected, none_of, strace, Outcome, Trace};
use crate::require_auth::{ours, required, MAIL, NO_PASSWORD};
use crate::support::bridge::House;
use crate::support::limit::{within, without_hooks, without_root};
use crate::support::namespace::without_tool;
use crate::support::outcome::GREETING;
use crate::support::peer::Peer;

/// Half a minute for each on two idle cores.
const LIMIT: Duration = Duration::from_secs(300);

/// The main thread reads the flight.
const BEGIN: &str = "recvfrom(0, \"EHLO";

const ITS_END: &str = "421 4.4.2 smarthost.test: timeout\r\n";

/// A session of one flight; `before` is shell, and `behind` what the server says in a record of its own behind its reply.
fn session(house: &House, before: &str, behind: &'static str) -> Outcome {
    let peer = Peer::before_handshake(house.leaf.server(rustls::ALL_VERSIONS), move |mut link| {
        let mut heard = Vec::new();
        if link.try_handshake().is_err() || link.try_send(GREETING.as_bytes()).is_err() {
            return heard;
        }
        let mut answered = false;
        while link.feed().unwrap_or(false) {
            let _ = link.tls.reader().read_to_end(&mut heard);
            if heard.starts_with(HELLO.0.as_bytes()) && !answered {
                answered = true;
                // The scenario: MAIL waits for the answer.
                thread::sleep(Duration::from_millis(100));
                let _ = link.try_send(HELLO.1.as_bytes()).and_then(|()| link.try_send(behind.as_bytes()));
            }
        }
        heard
    });
    let start = required(house.bridge(format!("localhost:{}", peer.addr.port()))).arg("-4").speed(20);
    let (bridge, mut client) = start.under_shell(before, "").socket();
    let mut heard = Vec::new();
    let mut octet = [0];
    while heard.last() != Some(&b'\n') && client.read(&mut octet).is_ok_and(|n| n == 1) {
        heard.push(octet[0]);
    }
    if heard.starts_with(b"220") {
        let _ = client.write_all(format!("{}{MAIL}", HELLO.0).as_bytes());
    } else {
        let _ = client.shutdown(Shutdown::Write);
    }
    if client.read_to_end(&mut heard).is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
        heard.extend(b"and nothing more, and no end");
    }
    drop(client);
    let (status, log) = bridge.finish_anyhow();
    if !heard.starts_with(b"220") {
        // Perhaps no one ever called the server; otherwise its port may be another server's by now.
        drop(TcpStream::connect(peer.addr));
    }
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    Outcome { code: status.code(), signal: status.signal(), client: text(&heard), server: text(&peer.done()), log }
}

/// What the client reads of a session that nothing interrupts.
fn usual() -> String {
    format!("{GREETING}{}{}", HELLO.1, ours(NO_PASSWORD).replace("127.0.0.1", "localhost"))
}

/// What is wrong however a session was interrupted.
fn fault(outcome: &Outcome) -> Option<&'static str> {
    let Outcome { code, client, server, log, .. } = outcome;
    // A call of the same number, before there was a session.
    if client.starts_with("421 4.") && client.lines().count() == 1 && log.contains("failed ") {
        let left = ["", "QUIT\r\n"].contains(&&**server) && *code != Some(0);
        return (!left).then_some("a refusal, and a session");
    }
    if !HELLO.0.starts_with(server.as_str()) {
        return Some("the server heard something else");
    }
    if !usual().starts_with(client.as_str()) {
        return Some("the client heard something else");
    }
    match code {
        Some(70 | 101) => Some("a panic"),
        Some(0) if !log.contains("end=client_gone") => Some("exit 0 and no mail"),
        _ => None,
    }
}

/// The calls of a session that nothing interrupts.
fn calls(house: &House, main_only: bool) -> BTreeSet<(String, usize)> {
    // strace writes a call on two lines if another thread comes between: then it does not show what was read.
    for _ in 0..20 {
        let (trace, good) = Trace::of(house, |before| session(house, before, ""));
        assert_eq!(
            (good.code, good.client.as_str(), good.server.as_str()),
            (Some(78), &*usual(), HELLO.0),
            "{good:#?}"
        );
        let calls = trace.calls(BEGIN, main_only);
        if calls.len() > 10 {
            return calls;
        }
    }
    panic!("no line of the trace has {BEGIN:?}");
}

/// Goal: SIGTERM at each call of the main thread is the end of the session or comes too late: one 421 at most, and a whole one.
#[test]
fn sigterm_at_whichever_call_leaves_one_421_or_none() {
    if without_hooks() || without_root() || without_tool("strace") {
        return;
    }
    within(LIMIT, || {
        let house = House::new();
        let ends = Mutex::new(BTreeSet::new());
        let calls = calls(&house, true);
        none_of(calls.into_iter().collect(), |(call, number)| {
            let inject = format!("-o /dev/null -e trace={call} -e inject={call}:signal=SIGTERM:when={number}");
            let outcome = session(&house, &strace(&inject), "");
            let Outcome { code, client, log, .. } = &outcome;
            let whole = [GREETING.to_owned(), format!("{GREETING}{}", HELLO.1), usual()].contains(client);
            ends.lock().unwrap().insert(*code);
            let wrong = fault(&outcome).or(match code {
                Some(75) if log.contains("failed ") => None,
                Some(75) if log.contains("end=terminated") && whole => None,
                Some(78) if log.contains("end=unauthenticated") && *client == usual() => None,
                _ => Some("another end"),
            });
            wrong.map(|wrong| format!("{wrong}: {outcome:#?}"))
        });
        assert_eq!(ends.into_inner().unwrap(), BTreeSet::from([Some(75), Some(78)]));
    });
}

/// Goal: whichever call fails, no octet of MAIL goes up, and nothing of ours stands inside a reply.
#[test]
fn whichever_call_fails_mail_does_not_pass_and_our_421_stands_alone() {
    if without_hooks() || without_root() || without_tool("strace") {
        return;
    }
    within(LIMIT, || {
        let house = House::new();
        none_of(failures(calls(&house, false)), |failure| {
            let outcome = session(&house, &injected(failure), "");
            let aborted = outcome.signal.is_some() && failure.2 != "ENOMEM";
            let wrong = fault(&outcome).or(aborted.then_some("a death by a signal"));
            wrong.map(|wrong| format!("{wrong}: {outcome:#?}"))
        });
    });
}

/// Goal: the server says 421 unasked right behind its reply. Whichever thread is late, at whichever of its calls: one of the two
/// 421 is read, whole, and never both.
#[test]
fn whichever_call_is_late_one_421_is_read_ours_or_the_server_s() {
    if without_hooks() || without_root() || without_tool("strace") {
        return;
    }
    within(LIMIT, || {
        let house = House::new();
        let firsts = Mutex::new(BTreeSet::new());
        let behind_reply = format!("{GREETING}{}", HELLO.1);
        none_of(calls(&house, false).into_iter().collect(), |(call, number)| {
            // Microseconds: long enough for a server on the same machine.
            let inject = format!("-f -o /dev/null -e trace={call} -e inject={call}:delay_enter=150000:when={number}");
            let outcome = session(&house, &strace(&inject), ITS_END);
            let first = match outcome.client.strip_prefix(&behind_reply) {
                Some(ITS_END) => "theirs",
                Some(_) if outcome.client == usual() => "ours",
                _ => return Some(format!("neither 421, or more than one: {outcome:#?}")),
            };
            firsts.lock().unwrap().insert(first);
            let code = if first == "ours" { 78 } else { 0 };
            let fine = outcome.code == Some(code) && outcome.server == HELLO.0;
            (!fine).then(|| format!("{outcome:#?}"))
        });
        assert_eq!(firsts.into_inner().unwrap(), BTreeSet::from(["ours", "theirs"]), "both orders were forced");
    });
}
