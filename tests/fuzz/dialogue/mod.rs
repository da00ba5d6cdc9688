//! The dialogue between a model of a client and a model of a server, which knows what it owes, cut anywhere: what it claims
//! to know is true, what it does not know it calls unknown, and nothing is held, kept or dropped that need not be.

mod bridge;
mod client;
mod server;
mod verdict;

use smtps_bridge::smtp::Rules;

use bridge::{Bridge, Cuts, Watched};
use client::{Polite, WORDS};
use server::{Habits, Server};

/// The number of steps.
const STEPS: usize = 96;

/// What a server says that is no reply, and what is one too many.
const BABBLE: [(&[u8], bool); 12] = [
    (b"250 ok\r\n", true),
    (b"354 go on\r\n", true),
    (b"235 welcome\r\n", true),
    (b"250-a\r\n250 b\n", true),
    (b"hello\r\n", false),
    (b"\r\n", false),
    (b"25\r\n", false),
    (b"2500 ok\r\n", false),
    (b"150 ok\r\n", false),
    (b"600 ok\r\n", false),
    (b"250 o\0k\r\n", false),
    (b"250-a\r\nb\r\n", false),
];

/// Three octets say who takes part; each two after them are a step.
pub fn run(data: &[u8]) {
    let Some((&[who, low, high], steps)) = data.split_first_chunk::<3>() else { return };
    let rules = match who & 7 {
        0..3 => Rules::Follow,
        3..7 => Rules::RequireAuth,
        _ => Rules::NotSmtp,
    };
    let server = Server::new(Habits::new(u16::from_le_bytes([low, high])));
    let polite = (who & 0x80 != 0).then(Polite::default);
    let start = |watched, cuts| Bridge::new(rules, server.clone(), polite.clone(), watched, cuts);
    let mut whole = start(Watched::Always, Cuts::None);
    let mut octets = start(Watched::Always, Cuts::Octets);
    let mut asleep = start(Watched::AsInLife, Cuts::None);
    let mut rests = [Vec::new(), Vec::new(), Vec::new()];
    for pair in steps.chunks_exact(2).take(STEPS) {
        let [what, how] = [pair[0], pair[1]];
        for (bridge, rest) in [&mut whole, &mut octets, &mut asleep].into_iter().zip(&mut rests) {
            step(bridge, rest, what, how);
        }
        assert_eq!(whole.state(), octets.state(), "a cut matters");
        if whole.is_over() {
            break;
        }
    }
    for bridge in [&mut whole, &mut octets, &mut asleep] {
        bridge.settle();
    }
    let state = whole.state();
    assert_eq!(state, octets.state(), "a cut matters");
    assert_eq!(state, asleep.state(), "it matters who asks");
    whole.leave();
}

/// `rest`: what the client has on its tongue.
fn step(bridge: &mut Bridge, rest: &mut Vec<u8>, what: u8, how: u8) {
    match what % 16 {
        // A client says most of its words at once.
        kind @ 0..6 => {
            let mut words = std::mem::take(rest);
            words.extend(next_words(bridge, kind, how));
            if kind == 4 {
                *rest = words.split_off(words.len() / 2);
            }
            bridge.client_says(&words);
        }
        6 | 7 => drop(bridge.server_answers(how)),
        8 => while bridge.server_answers(how) {},
        9 => bridge.receives(usize::from(how)),
        10 => bridge.receives(usize::MAX),
        11 => bridge.delivers(),
        12 => {
            bridge.receives(usize::MAX);
            bridge.delivers();
        }
        13 => bridge.settle(),
        14 if how < 16 => bridge.client_ends(),
        14 if how < 32 => bridge.server_closes(if how & 1 == 0 { 421 } else { 221 }),
        14 => {
            let (words, is_reply) = BABBLE[usize::from(how) % BABBLE.len()];
            bridge.server_babbles(words, is_reply);
        }
        _ => bridge.turn(),
    }
}

fn next_words(bridge: &mut Bridge, kind: u8, how: u8) -> Vec<u8> {
    match (bridge.polite_words(how), kind) {
        (Some(words), _) => words,
        (None, 2) => vec![how],
        // More than any client pipelines.
        (None, 3) if how > 200 && bridge.rules == Rules::Follow => b"NOOP\r\n".repeat(usize::from(how) * 20),
        (None, _) => WORDS[usize::from(how) % WORDS.len()].to_vec(),
    }
}
