//! People: at a terminal, which script(1) makes, and typing slowly.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::channel;

use crate::dialogue::{begin, millis, test, BYE, NOTHING, QUEUED};
use crate::scripts::{converted, talks_ahead};
use crate::support::bridge::{House, PROGRAM};
use crate::support::kernel::until_read;
use crate::support::limit::{skip, started, within, USUAL};
use crate::support::outcome::GREETING;
use crate::support::peer::Peer;
use crate::support::talk::Hear;

/// A person at a terminal, who reads before typing.
struct Person {
    child: Child,
    keyboard: ChildStdin,
    screen: ChildStdout,
    /// All that has stood on the screen, what was typed too.
    seen: String,
}

impl Person {
    fn at(house: &House, host: &str) -> Option<Person> {
        let ca_file = house.dir.path("ca.pem");
        let command = format!("{PROGRAM} --crlf --ca-file {} {host}", ca_file.display());
        let child = Command::new("script")
            .args(["--quiet", "--flush", "--return", "--command", &command, "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            skip("needs script(1) of util-linux");
            return None;
        };
        started(child.id());
        let (keyboard, screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Some(Person { child, keyboard, screen, seen: String::new() })
    }

    fn types(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    /// Until the screen has `text` behind what was seen before.
    #[track_caller]
    fn sees(&mut self, text: &str) {
        let from = self.seen.len();
        while !self.seen[from..].contains(text) {
            let mut octet = [0];
            let n = self.screen.read(&mut octet).unwrap();
            assert_eq!(n, 1, "the end, and no {text:?} in {:?}", self.seen);
            self.seen.push(char::from(octet[0]));
        }
    }

    fn leaves(mut self) -> (String, i32) {
        let mut rest = Vec::new();
        self.screen.read_to_end(&mut rest).unwrap();
        let status = self.child.wait().unwrap();
        (self.seen + &String::from_utf8_lossy(&rest), status.code().unwrap())
    }
}

/// Goal: each line is answered before the next is typed, and a text of several lines waits for nothing.
#[test]
fn a_person_at_a_terminal_notices_nothing() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            link.say(GREETING);
            for (line, reply) in [
                ("EHLO me\r\n", "250 hello\r\n"),
                ("MAIL FROM:<a@b>\r\n", "250 sender\r\n"),
                ("RCPT TO:<c@d>\r\n", "250 recipient\r\n"),
                ("DATA\r\n", "354 go on\r\n"),
                ("hi\r\n\r\nthere\r\n.\r\n", QUEUED),
                ("QUIT\r\n", BYE),
            ] {
                link.expect(line);
                link.say(reply);
            }
            link.close_notify();
            link.until_closed();
        });
        let Some(mut person) = Person::at(&house, &peer.host()) else { return };
        person.sees("220 smarthost.test ESMTP");
        for (typed, seen) in [
            ("EHLO me\n", "250 hello"),
            ("MAIL FROM:<a@b>\n", "250 sender"),
            ("RCPT TO:<c@d>\n", "250 recipient"),
            ("DATA\n", "354 go on"),
            ("hi\n\nthere\n.\n", "250 2.0.0 Ok: queued"),
            ("QUIT\n", "221 2.0.0 Bye"),
        ] {
            person.types(typed);
            person.sees(seen);
        }
        let (seen, code) = person.leaves();
        assert!(code == 0 && seen.contains(" mails=1"), "{seen}");
        peer.done();
    });
}

/// Goal: a person who types ahead is heard line by line; Ctrl-D at the beginning of a line is an end like any other.
#[test]
fn a_person_who_types_ahead_is_heard_in_order() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            link.say(GREETING);
            for (line, reply) in
                [("EHLO me\r\n", "250 hello\r\n"), ("NOOP\r\n", "250 one\r\n"), ("RSET\r\n", "250 two\r\n")]
            {
                link.expect(line);
                assert!(!talks_ahead(&mut link, millis(100)), "{line:?} and more");
                link.say(reply);
            }
            link.expect_end();
        });
        let Some(mut person) = Person::at(&house, &peer.host()) else { return };
        person.sees("220 smarthost.test ESMTP");
        person.types("EHLO me\nNOOP\nRSET\n");
        for seen in ["250 hello", "250 one", "250 two"] {
            person.sees(seen);
        }
        person.types("\x04");
        let (seen, code) = person.leaves();
        assert!(code == 0 && seen.contains("end=local_eof mails=0"), "{seen}");
        peer.done();
    });
}

/// Goal: a line is complete when its LF is there, however slowly it comes, and goes up in one piece.
#[test]
fn a_slow_typist_is_heard_in_whole_lines() {
    test(|| {
        let lines = [("EHLO me\r\n", "250 hello\r\n"), ("NOOP\r\n", "250 Ok\r\n"), ("QUIT\r\n", BYE)];
        // The client has said all of a line but its LF; the server has looked whether there is a part of it.
        let ((said, unfinished), (look, looked)) = (channel(), channel());
        let mut session = begin(
            |start| converted(start).socket(),
            NOTHING,
            move |mut link| {
                for (line, reply) in lines {
                    unfinished.recv().unwrap();
                    assert!(!talks_ahead(&mut link, millis(100)), "a part of {line:?}");
                    look.send(()).unwrap();
                    link.expect(line);
                    link.say(reply);
                }
                link.close_notify();
            },
        );
        session.client.expect(GREETING);
        for (line, reply) in lines {
            for octet in line.trim_end().as_bytes() {
                session.client.write_all(&[*octet]).unwrap();
                until_read(&session.client);
            }
            said.send(()).unwrap();
            looked.recv().unwrap();
            session.say("\n");
            session.expect(reply);
        }
        session.expect_last("");
        session.ends("close_notify", 0);
    });
}
