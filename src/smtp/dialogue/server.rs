//! The server's side: its replies, and what they make of the client's next octet.

use super::{Client, Dialogue, Owed, Rules, Writer};
use crate::smtp::command::Line;
use crate::smtp::reply::{Code, Step};
use crate::smtp::text::{LineEnd, Place};

impl Dialogue {
    /// The server says `data`. False: they must not be written, because a reply of ours was.
    pub fn received(&mut self, data: &[u8]) -> bool {
        if self.writer == Writer::Us {
            return false;
        }
        self.writer = Writer::Server;
        let mut rest = data;
        if self.rules == Rules::NotSmtp {
            rest = &[];
        } else if !self.is_known() {
            // Only whether the server says goodbye.
            rest = rest.get(self.replies.before_the_last_line(rest)..).unwrap_or_default();
        }
        while !rest.is_empty() {
            let (taken, step) = self.replies.take(rest);
            rest = rest.get(taken..).unwrap_or_default();
            match step {
                None => {}
                Some(Step::Line) => self.line(),
                Some(Step::Reply { code, alike }) => {
                    self.line();
                    self.reply(code, alike);
                }
                Some(Step::Junk) => {
                    self.goodbye = false;
                    self.lose();
                }
            }
        }
        true
    }

    /// The client has all that was received. True: the main thread waits to hear it.
    pub fn delivered(&mut self) -> bool {
        self.writer = Writer::Nobody;
        std::mem::take(&mut self.waited_for) || self.is_lost()
    }

    fn line(&mut self) {
        if self.owed.front() == Some(&Owed::Ehlo) {
            self.record.offer(self.replies.text());
        }
    }

    fn reply(&mut self, code: Code, alike: bool) {
        self.goodbye = code.is_goodbye();
        let owed = self.owed.pop_front().filter(|_| alike);
        if let Some(owed) = owed {
            self.record.judge(owed, code, self.replies.text());
        }
        if self.goodbye {
            self.owed.clear();
            if self.is_known() {
                self.client = Client::Over(Line::default());
            }
        } else if let Some(owed) = owed {
            self.answer(owed, code);
        } else {
            self.lose();
        }
    }

    /// What the client's next octet is, now that this is answered.
    fn answer(&mut self, owed: Owed, code: Code) {
        let command = Client::Command(Line::default());
        match (owed, code) {
            (Owed::Data { crlf }, Code::START_TEXT) => {
                self.client = Client::Text(Place::Line(if crlf { LineEnd::Crlf } else { LineEnd::Bare }));
            }
            (Owed::Auth { layer }, Code::CHALLENGE) => self.client = Client::Exchange { layer, line: Line::blind() },
            // A QUIT that is refused ends nothing.
            (_, Code::START_TEXT | Code::CHALLENGE) | (Owed::Quit, _) => self.lose(),
            (Owed::Auth { layer: true }, Code::AUTHENTICATED) => self.lose(),
            // PRDR: more replies follow.
            (Owed::Text | Owed::LastChunk, _) if code.class() == 3 => self.lose(),
            // A server without BDAT takes the octets behind it for commands.
            (Owed::Chunk | Owed::LastChunk, Code::UNRECOGNISED | Code::NOT_IMPLEMENTED) => self.lose(),
            (Owed::StartTls | Owed::Turn, _) if code.class() == 2 => self.lose(),
            (Owed::Data { .. } | Owed::Auth { .. } | Owed::StartTls, _) => self.client = command,
            (_, _) => {}
        }
    }
}
