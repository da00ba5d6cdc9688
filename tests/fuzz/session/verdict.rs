//! What must hold of a session, whatever was done to it.

use smtps_bridge::error::{Error, Failure};
use smtps_bridge::exit::Exit;
use smtps_bridge::relay::{End, Ended};
use smtps_bridge::report;

use super::drive::Drive;
use super::plan::Hello;
use super::server::Ending;
use super::twin::is_goodbye;

/// A record of the handshake (RFC 8446 section 5.1).
const TLS: &[u8] = &[0x16, 3];

/// What the client's octets are on the remote side.
pub fn expected_up(sent: &[u8], crlf: bool) -> Vec<u8> {
    let mut up = Vec::with_capacity(sent.len());
    for (at, octet) in sent.iter().enumerate() {
        if crlf && *octet == b'\n' && (at == 0 || sent[at - 1] != b'\r') {
            up.push(b'\r');
        }
        up.push(*octet);
    }
    up
}

pub fn check(run: &Drive, result: Result<Ended, Error>) {
    let (authenticated, ending, perhaps) = run.server.authenticated();
    let up = expected_up(&run.client.sent, run.plan.crlf);
    // Nothing is altered, added, dropped or put in another order.
    let got = match &result {
        Ok(Ended { end: End::Unauthenticated, .. }) => without_our_reply(&run.client.got),
        _ => run.client.got.as_slice(),
    };
    assert!(authenticated.starts_with(got), "the client read what the server did not say");
    // A server whose greeting we refuse is left with a word of ours.
    let quit = result.is_err() && run.server.got == b"QUIT\r\n";
    assert!(quit || up.starts_with(&run.server.got), "the server read what the client did not say");
    assert!(!run.server.got.starts_with(TLS), "the client's TLS went up");
    if run.plan.require_auth {
        no_mail_before_a_login(run);
    }
    let proper = matches!(run.plan.hello, Hello::Proper);
    let greeted = run.plan.greeting.is_none_or(|greeting| greeting.whole.is_some());
    match result {
        Ok(ended) => {
            assert!(greeted && !matches!(run.plan.hello, Hello::Raw(_)), "a session without handshake or greeting");
            ended_well(run, &ended, got.len(), &up, (authenticated, ending, perhaps));
        }
        Err(error) => {
            let in_the_way = run.terminated || run.server.has_ended() || run.server.finished || run.server.closed;
            assert!(!proper || !greeted || run.plan.eager && in_the_way, "no session: {error}");
            assert!(run.client.got.is_empty(), "the client read something of no session");
            let sentence = error.to_string();
            assert!(printable(&sentence) && sentence.len() <= 600, "{sentence:?}");
            let reply = report::reply(&Failure::from(error), 0);
            assert!(reply.len() <= 200 && reply.starts_with("421 4."), "promise 1: {reply:?}");
        }
    }
    if let (Some(fault), true) = (&run.server.fault, proper) {
        let refused = matches!(fault, rustls::Error::AlertReceived(_));
        assert!(refused && (perhaps || ending == Some(Ending::NoTls)), "the bridge said: {fault}");
    }
}

/// Ours is the only line of a session that no server said.
fn without_our_reply(got: &[u8]) -> &[u8] {
    let line = got.strip_suffix(b"\r\n").and_then(|lines| lines.rsplit(|octet| *octet == b'\n').next());
    match line {
        Some(line) if line.starts_with(b"421 4.7.0 fuzz.test: ") => &got[..got.len() - line.len() - 2],
        _ => got,
    }
}

/// In words that know neither DATA nor BDAT, a line that begins like MAIL is one.
fn no_mail_before_a_login(run: &Drive) {
    let has = |words: &[u8], part: &[u8]| words.windows(part.len()).any(|window| window == part);
    let (got, said) = (&run.server.got, &run.server.said);
    if !has(said, b"235 ") && !has(got, b"DATA") && !has(got, b"BDAT") {
        assert!(!got.starts_with(b"MA") && !has(got, b"\nMA"), "MAIL went up without a login");
    }
}

fn ended_well(
    run: &Drive,
    ended: &Ended,
    got: usize,
    up: &[u8],
    (authenticated, ending, perhaps): (&[u8], Option<Ending>, bool),
) {
    let (client, server, plan) = (&run.client, &run.server, &run.plan);
    let behind = authenticated.get(plan.greeting.and_then(|greeting| greeting.whole).unwrap_or_default()..);
    let mut allowed = certain_end(run, ending);
    if allowed.is_empty() {
        allowed = possible_ends(run, ending, is_goodbye(behind.unwrap_or_default()));
        allowed.extend(perhaps.then_some((End::BadRecord, Exit::Protocol)));
    }
    let story = format!("end={} exit={:?} ({:?}) of {allowed:?}", ended.end.word(), ended.exit, ended.reason);
    assert!(allowed.contains(&(ended.end, ended.exit)), "{story}");
    assert!(ended.reason.as_ref().is_none_or(|reason| printable(reason) && reason.len() <= 500), "{story}");
    if run.twin.is_exact() && run.settled {
        assert!(run.twin.account() == ended.account || !matches!(ended.end, End::CloseNotify | End::Eof), "{story}");
    }

    let (counted_up, counted_down) = (ended.up as usize, ended.down as usize);
    assert!(counted_up <= up.len() && counted_down <= authenticated.len(), "more than there was: {ended:?}");
    assert!(server.got.len() <= counted_up || server.closed, "up={counted_up}, {} arrived", server.got.len());
    if run.settled && client.sent.len() == run.settled_at {
        let certain = run.twin.up();
        let up = certain.unwrap_or(up.len());
        let as_it_is = certain.is_none() && run.twin.is_exact();
        assert!(as_it_is || (counted_up, server.got.len()) == (up, up), "octets of the client are missing: {story}");
    }
    let remote_end =
        matches!(ended.end, End::CloseNotify | End::Eof | End::Truncated | End::Reset | End::Alert | End::BadRecord);
    if !client.left {
        // A pipe is closed by putting /dev/null in its place, and what is being written then goes there.
        let exact = remote_end || !plan.pipes;
        assert!(got >= counted_down || !exact, "down={counted_down}, {got} arrived");
        if remote_end {
            assert_eq!((got, counted_down), (authenticated.len(), authenticated.len()), "lost: {ended:?}");
        }
    }
    if plan.fast {
        return;
    }
    if !client.left {
        assert!(!client.was_reset, "the client was reset: {ended:?}");
        assert!(run.ended_in_time || client.half_closed, "the client was not told of the end: {ended:?}");
    }
    if server.heard_all() && run.settled && client.sent.len() == run.settled_at && ended.end != End::BadRecord {
        assert!(server.was_notified, "the server was not told of the end: {ended:?}");
    }
}

/// If the order of what was said is certain, and only one thing ended the session.
fn certain_end(run: &Drive, ending: Option<Ending>) -> Vec<(End, Exit)> {
    let (client, server) = (&run.client, &run.server);
    let server_ends = server.has_ended() || server.finished || server.closed;
    if !run.twin.is_exact() || !run.settled || run.terminated || client.left {
        return Vec::new();
    }
    if let Some(end) = run.twin.end() {
        return if client.half_closed || server_ends { Vec::new() } else { vec![end] };
    }
    match (client.half_closed, server_ends, ending) {
        (false, true, Some(Ending::Notify)) => vec![run.twin.server_end(true)],
        (false, true, None) if !server.has_ended() => {
            let reset = server.closed.then_some((End::Reset, Exit::IoError));
            [run.twin.server_end(false)].into_iter().chain(reset).collect()
        }
        // It answers the end that was passed on.
        (true, false, None) => run.twin.client_end().map(|exit| (End::LocalEof, exit)).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Whatever else may have come of it.
fn possible_ends(run: &Drive, ending: Option<Ending>, goodbye: bool) -> Vec<(End, Exit)> {
    let (client, server, plan) = (&run.client, &run.server, &run.plan);
    let failed = |end| (!goodbye).then_some((end, Exit::IoError));
    let mut allowed = match ending {
        Some(Ending::Notify) => vec![(End::CloseNotify, Exit::Ok)],
        Some(Ending::Alert) => vec![(End::Alert, Exit::Protocol)],
        Some(Ending::NoTls) => vec![(End::BadRecord, Exit::Protocol)],
        None if server.finished || server.closed || server.answered => vec![(End::Eof, Exit::Ok)],
        None => vec![],
    };
    let ends = matches!(ending, None | Some(Ending::Notify)) && (server.finished || server.closed || ending.is_some());
    allowed.extend((ends && !goodbye).then_some((End::Truncated, Exit::Protocol)));
    // A reset is reported if something was unread; once it has been reported, the end looks like any other.
    allowed.extend(server.closed.then(|| failed(End::Reset)).flatten());
    allowed.extend(run.terminated.then_some((End::Terminated, Exit::TempFail)));
    if client.left {
        // The 221 may not have been heard by then.
        allowed.extend([(End::ClientGone, Exit::Ok), (End::ClientGone, Exit::IoError)]);
    }
    if client.half_closed {
        allowed.extend([(End::LocalEof, Exit::Ok), (End::LocalEof, Exit::IoError)]);
    }
    allowed.extend((plan.fast && plan.idle).then_some((End::Idle, Exit::IoError)));
    allowed.extend(client.sent.starts_with(TLS).then_some((End::ClientTls, Exit::Config)));
    if plan.require_auth {
        let config = (End::Unauthenticated, Exit::Config);
        allowed.extend([config, (End::Unauthenticated, Exit::TempFail), (End::Eof, Exit::Ok)]);
    }
    allowed
}

fn printable(text: &str) -> bool {
    text.bytes().all(|octet| (0x20..=0x7e).contains(&octet))
}
