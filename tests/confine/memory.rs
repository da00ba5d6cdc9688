//! What is left of a session in the memory of the bridge, searched by root from outside.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use base64ct::{Base64, Encoding};

use crate::support::bridge::{Bridge, House};
use crate::support::limit::{until, within, without_root, USUAL};
use crate::support::outcome::GREETING;
use crate::support::peer::{Link, Peer, TLS_1_2, TLS_1_3};
use crate::support::smarthost::Settings;
use crate::support::talk::{Hear, Talk};

const PASSWORD: &str = "moss-lantern-quartz-42-otter-velvet";
const MAIL: &str = "the juniper tree behind the boathouse has fallen\r\n";

/// Goal: what the client said is gone from the bridge's memory as soon as the smarthost has it, while the session goes
/// on: a password, in plain and in base64, and the mail.
#[test]
fn a_password_that_was_passed_on_is_nowhere_in_the_memory() {
    if without_root() {
        return;
    }
    within(USUAL, || {
        for versions in [TLS_1_2, TLS_1_3] {
            for options in [&[][..], &["--crlf"]] {
                let house = House::new();
                let peer = Peer::with(house.leaf.server(versions), smarthost);
                let host = peer.host();
                let (bridge, mut client) = house.bridge(&host).args(options).socket();
                assert_eq!(client.line(), GREETING);
                // The search finds what is there: the host's name, on the command line.
                assert!(!found(&bridge, std::slice::from_ref(&host)).is_empty());

                let plain = Settings::plain("alice", PASSWORD);
                let login = Base64::encode_string(PASSWORD.as_bytes());
                for (line, answer) in [
                    (format!("AUTH PLAIN {plain}\r\n"), "235 "),
                    ("AUTH LOGIN\r\n".to_owned(), "334 "),
                    (format!("{}\r\n", Base64::encode_string(b"alice")), "334 "),
                    (format!("{login}\r\n"), "235 "),
                    // No mechanism of SMTP sends it like this; another protocol may.
                    (format!("PASS {PASSWORD}\r\n"), "235 "),
                    ("DATA\r\n".to_owned(), "354 "),
                    (format!("{}.\r\n", MAIL.repeat(1000)), "250 "),
                ] {
                    client.say(&line);
                    let said = client.line();
                    assert!(said.starts_with(answer), "{said}");
                    // The answer may be here before the thread that sent the question has come back from it.
                    let words = [middle(&plain), middle(&login), middle(PASSWORD), middle(MAIL)];
                    let mut left = Vec::new();
                    until(Duration::from_secs(10), "nothing is left of it", || {
                        left = found(&bridge, &words);
                        left.is_empty()
                    });
                }
                client.say("QUIT\r\n");
                client.rest();
                drop(client);
                bridge.finish().assert("close_notify", 0);
                peer.done();
            }
        }
    });
}

/// Takes everything.
fn smarthost(mut link: Link) {
    link.send(GREETING.as_bytes());
    let mut login = 0;
    loop {
        let line = link.line();
        let answer = match line.split_whitespace().next() {
            Some("AUTH") if line.starts_with("AUTH LOGIN") => {
                login = 2;
                "334 VXNlcm5hbWU6\r\n"
            }
            Some("AUTH" | "PASS") => "235 2.7.0 Ok\r\n",
            Some("DATA") => {
                link.send(b"354 Go on\r\n");
                while link.line() != ".\r\n" {}
                "250 2.0.0 Ok\r\n"
            }
            Some("QUIT") => break,
            _ => {
                login -= 1;
                if login == 1 {
                    "334 UGFzc3dvcmQ6\r\n"
                } else {
                    "235 2.7.0 Ok\r\n"
                }
            }
        };
        link.send(answer.as_bytes());
    }
    link.send(b"221 2.0.0 Bye\r\n");
    link.close_notify();
    link.until_closed();
}

/// Half of a word from its middle: a copy may have lost its ends to something else.
pub fn middle(word: &str) -> String {
    word[word.len() / 4..word.len() * 3 / 4].to_owned()
}

/// Where one of the words is in memory that the bridge can write to, as lines of /proc/PID/maps.
pub fn found(bridge: &Bridge, words: &[String]) -> Vec<String> {
    let memory = File::open(format!("/proc/{}/mem", bridge.pid())).unwrap();
    let maps = fs::read_to_string(format!("/proc/{}/maps", bridge.pid())).unwrap();
    let mut places = Vec::new();
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (start, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let [start, end] = [start, end].map(|address| u64::from_str_radix(address, 16).unwrap());
        let mut content = vec![0; usize::try_from(end - start).unwrap()];
        // A mapping may go between the two looks.
        if memory.read_exact_at(&mut content, start).is_err() {
            continue;
        }
        // Most of it was never written. A debug build searches text faster than octets.
        let written: Vec<&[u8]> = content.chunks(4096).filter(|page| **page != [0; 4096][..page.len()]).collect();
        let text = written.concat();
        let text = String::from_utf8_lossy(&text);
        places.extend(words.iter().filter(|word| text.contains(*word)).map(|word| format!("{word} in {line}")));
    }
    places
}
