//! What must hold of a dialogue: what it claims to know is true.

use smtps_bridge::smtp::{Account, Expected, Hold, Rules, Standing, Unauthenticated};

use super::bridge::{Bridge, Said};
use super::server::{Asked, Owes, Place};

/// Each question is answered in each of these ways: what is known must be so in all of them.
const WAYS: [u8; 3] = [0, 1, 2];

/// src/smtp/dialogue.rs promises it.
const MOST_OWED: usize = 4096;

/// What is owed behind the first `until` octets of the server, if all that it has been asked is answered in the way of `how`.
pub fn owed(bridge: &Bridge, how: u8, until: usize) -> Owes {
    let mut owes = bridge.server.owes(how);
    if goodbye(bridge) {
        return Owes { asked: Vec::new(), place: Place::Over, begun: Vec::new() };
    }
    let said = bridge.said.iter().filter(|said| said.end > until);
    owes.asked.splice(0..0, said.filter_map(|said| said.asked));
    owes
}

/// What the dialogue has received whole.
fn heard(bridge: &Bridge) -> impl DoubleEndedIterator<Item = &Said> {
    bridge.said.iter().filter(|said| said.end <= bridge.received)
}

fn goodbye(bridge: &Bridge) -> bool {
    heard(bridge).next_back().is_some_and(|said| matches!(said.code, Some(221 | 421)))
}

/// Inside a reply.
fn is_cut(bridge: &Bridge) -> bool {
    heard(bridge).next_back().map_or(0, |said| said.end) != bridge.received
}

/// A 235 does not count if it is unclear what it answers.
fn has_logged_in(bridge: &Bridge) -> bool {
    let before = heard(bridge).position(|said| said.confuses).unwrap_or(usize::MAX);
    let mut heard = heard(bridge).take(before.saturating_add(1));
    heard.any(|said| said.alike && matches!((said.asked, said.code), (Some(Asked::Auth { .. }), Some(235))))
}

pub fn check(bridge: &mut Bridge) {
    let smtp = bridge.rules != Rules::NotSmtp;
    let known = bridge.dialogue.is_known();
    let confused = heard(bridge).any(|said| said.confuses);
    let cut = is_cut(bridge);
    let standing = bridge.dialogue.standing();
    assert!(!known || smtp && !confused, "nobody can know this");
    assert!(known || !smtp || confused || !bridge.is_polite(), "a dialogue without a doubt in it");
    assert_eq!(bridge.dialogue.is_goodbye(), smtp && goodbye(bridge) && !cut);
    if !known {
        assert_eq!(bridge.dialogue.account(), None);
        if !smtp || !goodbye(bridge) {
            assert_eq!(standing, Standing::Unknown { lone_dot: is_lone_dot(&bridge.up) });
        }
        return;
    }
    let in_flight = bridge.received != bridge.delivered;
    for how in WAYS {
        let Owes { asked, place, .. } = owed(bridge, how, bridge.delivered);
        let story = format!("owed in way {how}: {asked:?}, then {place:?}; in flight {in_flight}, cut {cut}");
        let settled = asked.is_empty() && !in_flight && !cut;
        let inside = matches!(place, Place::Text | Place::Chunk { .. });
        // The last one's own reply cannot come before the rest of it.
        let (last, before) = asked.split_last().map_or((None, asked.as_slice()), |(last, before)| (Some(last), before));
        let chunk = matches!(place, Place::Chunk { .. }) && last.is_some_and(|last| last.is_message());
        assert_eq!(bridge.dialogue.is_settled(), settled, "{story}");
        let expected = match asked.as_slice() {
            _ if settled => Standing::Settled { inside },
            [Asked::Quit] if !in_flight => Standing::Leaving,
            [_] if chunk && !in_flight && !cut => Standing::Settled { inside: true },
            _ => Standing::Owed,
        };
        // A server that does not know BDAT answers it at once, and takes its octets for commands: the dialogue waits for the
        // rest of a chunk. No message is lost: the refusal is delivered, and with the client's end passed on it comes at once.
        if asked.contains(&Asked::BadChunk) && matches!(bridge.dialogue.expected(), Expected::Chunk(_)) {
            assert!(matches!(standing, Standing::Owed | Standing::Settled { inside: true }), "{standing:?}: {story}");
        } else {
            assert_eq!(standing, expected, "{story}");
            let whole = if chunk { before } else { &asked };
            let for_a_message = in_flight || whole.iter().any(|asked| asked.is_message());
            assert_eq!(bridge.dialogue.owes_for_a_message(), for_a_message, "{story}");
        }
        let unanswered = owed(bridge, how, bridge.received).asked.len();
        assert_eq!(
            bridge.dialogue.is_complete(),
            unanswered == 0 && !cut && !inside,
            "{unanswered} not answered, {story}"
        );
        assert!(unanswered <= MOST_OWED || !bridge.server.habits.knows_chunks(), "{unanswered} are kept");
        if settled {
            let expected = match place {
                Place::Command | Place::Exchange { .. } => Expected::Line,
                Place::Text => Expected::Text,
                Place::Chunk { left, .. } => Expected::Chunk(left),
                Place::Over | Place::Opaque => Expected::Anything,
            };
            assert_eq!(bridge.dialogue.expected(), expected, "{story}");
        }
    }
    assert_eq!(bridge.dialogue.account(), Some(account(bridge)));
}

/// RFC 5321 section 4.1.1.4 in any line ends, with or without QUIT behind it.
fn is_lone_dot(up: &[u8]) -> bool {
    let line = |words: &[u8]| words.strip_suffix(b"\n").map(|rest| rest.strip_suffix(b"\r").unwrap_or(rest).to_vec());
    let Some(mut rest) = line(up) else { return false };
    if rest.len() > 4 && rest[rest.len() - 4..].eq_ignore_ascii_case(b"QUIT") {
        let Some(before) = line(&rest[..rest.len() - 4]) else { return false };
        rest = before;
    }
    rest.ends_with(b"\n.")
}

fn account(bridge: &Bridge) -> Account {
    let mut account = Account::default();
    // Of the last refusal: whether it is of a login, and whether another one may follow from it.
    let (mut of_login, mut stands) = (false, false);
    for said in heard(bridge).filter(|said| said.alike) {
        let (Some(asked), Some(code)) = (said.asked, said.code) else { continue };
        let auth = matches!(asked, Asked::Auth { .. });
        let of_mail = asked.is_message() || matches!(asked, Asked::Mail | Asked::MailAlone | Asked::Rcpt | Asked::Data);
        match (asked, code) {
            // An end in place of an answer accepts nothing.
            (_, 221) => {}
            (Asked::Text | Asked::Chunk { last: true }, 200..300) => account.mails += 1,
            (Asked::Mail | Asked::MailAlone, 200..300) => stands = false,
            // It follows from another refusal, which says more.
            (_, 400..) if of_mail && stands && (is_out_of_turn(&said.last_line) || of_login && code == 530) => {}
            (_, 400..) if auth || of_mail => {
                account.refused = Some(said.last_line.clone());
                (of_login, stands) = (auth, true);
            }
            (Asked::Auth { .. }, 235) if of_login => (account.refused, stands) = (None, false),
            _ => {}
        }
    }
    account
}

fn is_out_of_turn(line: &[u8]) -> bool {
    line.starts_with(b"503") || line.get(4..9) == Some(b"5.5.1")
}

/// What the relay may keep to itself.
pub fn held(bridge: &Bridge) {
    let hello = bridge.up.is_empty() && bridge.held.first() == Some(&0x16) && bridge.rules != Rules::NotSmtp;
    // To a server that does not know BDAT the octets of a chunk are commands, whose answers may be taken for a login.
    let blind = !bridge.server.habits.knows_chunks();
    let login = bridge.rules == Rules::RequireAuth && (blind || !has_logged_in(bridge));
    assert!(bridge.rules == Rules::NotSmtp || !bridge.up.starts_with(&[0x16, 3]), "TLS went up");
    match bridge.hold {
        Hold::Nothing => {}
        Hold::Unsure => assert!(login && bridge.held.len() <= 8 || hello && bridge.held.len() == 1),
        Hold::Tls => assert!(hello && bridge.held.get(1) == Some(&3)),
        Hold::Reply | Hold::Mail => assert!(login),
        Hold::Lost => {
            // Behind QUIT or the server's end a MAIL is certainly lost.
            let over = blind || owed(bridge, 0, bridge.delivered).place == Place::Over;
            let confused = heard(bridge).any(|said| said.confuses);
            let unclear = matches!(bridge.held.first(), Some(b' ' | b'\t' | b'\r'));
            assert!(login && (over || unclear || !bridge.dialogue.is_known()));
            assert!(over || confused || !bridge.is_polite(), "a dialogue without a doubt in it");
        }
    }
}

/// `--require-auth`: not an octet of MAIL goes up before a 235 that answers AUTH.
pub fn no_mail(bridge: &Bridge) {
    // Octets behind BDAT are no commands; a server that does not know it may take them for some.
    let chunks = bridge.server.habits.knows_chunks();
    if bridge.rules != Rules::RequireAuth || has_logged_in(bridge) || goodbye(bridge) || !chunks {
        return;
    }
    for how in WAYS {
        let Owes { asked, place, begun } = bridge.server.owes(how);
        assert!(!asked.contains(&Asked::Mail), "MAIL went up without a login");
        assert!(place != Place::Command || !bridge.server.may_be_mail(&begun), "{begun:?} went up without a login");
    }
}

/// Our 421 stands between whole replies, and says why.
pub fn refused(bridge: &Bridge, why: &Unauthenticated) {
    assert!(bridge.rules == Rules::RequireAuth && bridge.dialogue.is_known());
    assert!(!goodbye(bridge) && !is_cut(bridge) && bridge.received == bridge.delivered, "inside a reply");
    for how in WAYS {
        assert_eq!(owed(bridge, how, bridge.delivered).asked, [], "while a reply is owed");
    }
    let login = heard(bridge)
        .rev()
        .find(|said| matches!(said.asked, Some(Asked::Auth { .. })) && said.code.is_some_and(|code| code >= 400));
    let mut ehlo = heard(bridge).filter(|said| said.asked == Some(Asked::Ehlo)).peekable();
    let (reason, temporary) = match login {
        Some(said) => ([b"login refused: ", said.last_line.as_slice()].concat(), said.code < Some(500)),
        None if ehlo.peek().is_some() && !ehlo.any(|said| said.last_line.ends_with(b"AUTH PLAIN LOGIN")) => {
            (b"not logged in: it offers no AUTH".to_vec(), false)
        }
        None => (b"not logged in: no password given".to_vec(), false),
    };
    assert_eq!((why.reason.as_slice(), why.temporary), (reason.as_slice(), temporary));
}
