//! What must hold of a session, whatever was done to it.

use smtps_bridge::error::{Error, Failure};
use smtps_bridge::exit::Exit;
use smtps_bridge::relay::{End, Ended};
use smtps_bridge::report;

use super::drive::Drive;
use super::plan::Hello;
use super::server::Ending;

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
    assert!(authenticated.starts_with(&run.client.got), "the client read what the server did not say");
    assert!(up.starts_with(&run.server.got), "the server read what the client did not say");
    let proper = matches!(run.plan.hello, Hello::Proper);
    match result {
        Ok(ended) => {
            assert!(!matches!(run.plan.hello, Hello::Raw(_)), "a session without a handshake");
            ended_well(run, &ended, &up, (authenticated, ending, perhaps));
        }
        Err(error) => {
            let in_the_way = run.terminated || run.server.has_ended() || run.server.finished || run.server.closed;
            assert!(!proper || run.plan.eager && in_the_way, "no session: {error}");
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

fn ended_well(run: &Drive, ended: &Ended, up: &[u8], (authenticated, ending, perhaps): (&[u8], Option<Ending>, bool)) {
    let (client, server, plan) = (&run.client, &run.server, &run.plan);
    let goodbye = is_goodbye(authenticated);
    let mut allowed = Vec::new();
    let server_ends = match ending {
        Some(Ending::Notify) => vec![End::CloseNotify],
        Some(Ending::Alert) => vec![End::Alert],
        Some(Ending::NoTls) => vec![End::BadRecord],
        None if !server.finished && !server.closed => vec![],
        None if goodbye => vec![End::Eof],
        // A reset is told where something was unread; once it is told, the end looks like any other.
        None if server.closed => vec![End::Truncated, End::Reset],
        None => vec![End::Truncated],
    };
    allowed.extend(&server_ends);
    allowed.extend(perhaps.then_some(End::BadRecord));
    allowed.extend(run.terminated.then_some(End::Terminated));
    allowed.extend(client.left.then_some(End::ClientGone));
    if plan.fast {
        allowed.extend(plan.idle.then_some(End::Idle));
        allowed.extend(client.half_closed.then_some(End::LocalEof));
        // It answers the end that the bridge passed on.
        allowed.extend(server.answered.then_some(if goodbye { End::Eof } else { End::Truncated }));
    }
    assert!(allowed.contains(&ended.end), "end={} of {allowed:?} ({:?})", ended.end.word(), ended.reason);
    assert!(ended.reason.as_ref().is_none_or(|it| printable(it) && it.len() <= 300), "{:?}", ended.reason);
    let exit = match ended.end {
        End::CloseNotify | End::Eof => Exit::Ok,
        End::Truncated | End::Alert | End::BadRecord => Exit::Protocol,
        End::LocalEof | End::Reset | End::Idle => Exit::IoError,
        End::Terminated => Exit::TempFail,
        // It depends on what was heard by then.
        End::ClientGone if ended.exit == Exit::Ok => Exit::Ok,
        End::ClientGone => Exit::IoError,
        End::ClientTls | End::Unauthenticated => Exit::Config,
    };
    assert_eq!(ended.exit, exit, "end={}", ended.end.word());

    let (counted_up, counted_down) = (ended.up as usize, ended.down as usize);
    assert!(counted_up <= up.len() && counted_down <= authenticated.len(), "more than there was: {ended:?}");
    assert!(server.got.len() <= counted_up || server.closed, "up={counted_up}, {} arrived", server.got.len());
    if run.settled && client.sent.len() == run.settled_at {
        assert_eq!((counted_up, server.got.len()), (up.len(), up.len()), "octets of the client are missing");
    }
    let remote_end =
        matches!(ended.end, End::CloseNotify | End::Eof | End::Truncated | End::Reset | End::Alert | End::BadRecord);
    if !client.left {
        // A pipe is closed by putting /dev/null in its place, and what is being written then goes there.
        let exact = remote_end || !plan.pipes;
        assert!(client.got.len() >= counted_down || !exact, "down={counted_down}, {} arrived", client.got.len());
        if remote_end {
            assert_eq!((client.got.len(), counted_down), (authenticated.len(), authenticated.len()), "lost: {ended:?}");
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

fn printable(text: &str) -> bool {
    text.bytes().all(|octet| (0x20..=0x7e).contains(&octet))
}

/// The last line is a complete 221 or 421 and the last of its reply.
fn is_goodbye(said: &[u8]) -> bool {
    let Some(lines) = said.strip_suffix(b"\n") else { return false };
    let line = lines.rsplit(|octet| *octet == b'\n').next().unwrap_or_default();
    let code = line.starts_with(b"221") || line.starts_with(b"421");
    code && matches!(line.get(3), None | Some(b' ' | b'\r'))
}
