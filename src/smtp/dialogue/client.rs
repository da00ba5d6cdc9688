//! The client's side: its commands, texts and chunks, and what is held of them.

use super::{Client, Dialogue, Hold, Owed, Pass, Rules, MOST_OWED};
use crate::smtp::command::{ahead, Ahead, Command, Line};
use crate::smtp::text::Found;

impl Dialogue {
    /// The client says `data`, the octets that were held before first. What may go up is taken as said.
    pub fn pass(&mut self, data: &[u8]) -> Pass {
        let mut go = 0;
        while let Some(rest) = data.get(go..).filter(|rest| !rest.is_empty()) {
            let hold = self.hold(rest);
            if hold != Hold::Nothing {
                self.waited_for = true;
                return Pass { go, hold };
            }
            let taken = self.say(rest);
            if self.is_lost() {
                return Pass { go, hold: Hold::Lost };
            }
            self.last_words.read(rest.get(..taken).unwrap_or_default());
            self.fresh = false;
            go += taken;
        }
        Pass { go, hold: Hold::Nothing }
    }

    fn hold(&self, data: &[u8]) -> Hold {
        // A record of the handshake (RFC 8446 section 5.1), in which no command can begin.
        match data {
            [0x16] if self.fresh && self.rules != Rules::NotSmtp => return Hold::Unsure,
            [0x16, 3, ..] if self.fresh && self.rules != Rules::NotSmtp => return Hold::Tls,
            _ => {}
        }
        if !self.holds_mail() {
            return Hold::Nothing;
        }
        match &self.client {
            Client::Command(line) if !line.has_begun() => match ahead(data) {
                Ahead::Mail => Hold::Mail,
                Ahead::Other => Hold::Nothing,
                Ahead::Unsure => Hold::Unsure,
                Ahead::Unclear => Hold::Lost,
            },
            Client::Answer if matches!(self.owed.back(), Some(Owed::Auth { .. })) => Hold::Reply,
            Client::Over(line) if !line.has_begun() => match ahead(data) {
                Ahead::Mail | Ahead::Unclear => Hold::Lost,
                Ahead::Other => Hold::Nothing,
                Ahead::Unsure => Hold::Unsure,
            },
            Client::Unknown => Hold::Lost,
            _ => Hold::Nothing,
        }
    }

    /// Takes octets that belong together, and tells how many.
    fn say(&mut self, data: &[u8]) -> usize {
        match &mut self.client {
            Client::Command(line) => {
                let (taken, command) = line.take(data);
                if let Some(command) = command {
                    self.command(command);
                }
                taken
            }
            Client::Exchange { layer, line } => {
                let layer = *layer;
                let (taken, command) = line.take(data);
                match command {
                    Some(Command::Unclear) => self.lose(),
                    Some(_) => self.owe(Owed::Auth { layer }, Client::Answer),
                    None => {}
                }
                taken
            }
            Client::Text(place) => {
                let (taken, found) = place.take(data);
                match found {
                    Some(Found::End) => self.owe(Owed::Text, Client::Command(Line::default())),
                    Some(Found::Unclear) => self.lose(),
                    None => {}
                }
                taken
            }
            Client::Chunk(left) => {
                let taken = usize::try_from(*left).map_or(data.len(), |left| left.min(data.len()));
                *left -= taken as u64;
                if *left == 0 {
                    self.client = Client::Command(Line::default());
                }
                taken
            }
            // The reply would have shown what it is.
            Client::Answer => {
                self.lose();
                data.len()
            }
            Client::Over(line) => line.take(data).0,
            Client::Unknown => data.len(),
        }
    }

    fn command(&mut self, command: Command) {
        let next = Client::Command(Line::default());
        match command {
            Command::Ehlo => self.owe(Owed::Ehlo, next),
            Command::Mail => self.owe(Owed::Mail, next),
            Command::Rcpt => self.owe(Owed::Rcpt, next),
            Command::Data { crlf } => self.owe(Owed::Data { crlf }, Client::Answer),
            Command::Chunk { octets, last } => {
                let owed = if last { Owed::LastChunk } else { Owed::Chunk };
                self.owe(owed, if octets == 0 { next } else { Client::Chunk(octets) });
            }
            Command::Auth { layer } => self.owe(Owed::Auth { layer }, Client::Answer),
            Command::StartTls => self.owe(Owed::StartTls, Client::Answer),
            Command::Turn => self.owe(Owed::Turn, next),
            Command::Quit => self.owe(Owed::Quit, Client::Over(Line::default())),
            Command::Other => self.owe(Owed::Other, next),
            Command::Unclear => self.lose(),
        }
    }

    fn owe(&mut self, owed: Owed, next: Client) {
        if self.owed.len() < MOST_OWED {
            self.owed.push_back(owed);
            self.client = next;
        } else {
            self.lose();
        }
    }
}
