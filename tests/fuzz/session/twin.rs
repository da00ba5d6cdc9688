//! What the bridge must make of the dialogue, if it is certain in which order it heard both sides.

use smtps_bridge::exit::Exit;
use smtps_bridge::relay::End;
use smtps_bridge::smtp::{Dialogue, Hold, Rules, Standing};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

pub struct Twin {
    dialogue: Dialogue,
    held: Vec<u8>,
    hold: Hold,
    /// This much of what the client said goes up; `certain`: whatever the order.
    up: usize,
    certain: bool,
    /// Who spoke last, since everything had arrived.
    speaker: Option<Side>,
    /// Neither side spoke while the other's words were on their way.
    exact: bool,
    /// How it stood when the client ended.
    left: Option<Standing>,
    /// How the bridge ends the session by itself.
    end: Option<(End, Exit)>,
}

impl Twin {
    /// If lines wait for replies (`crlf`), it is unknown when they go; if clocks are fast, they take part.
    pub fn new(rules: Rules, crlf: bool, fast: bool) -> Twin {
        let mut dialogue = Dialogue::new(rules);
        dialogue.delivered();
        Twin {
            dialogue,
            held: Vec::new(),
            hold: Hold::Nothing,
            up: 0,
            certain: rules == Rules::Follow && !crlf,
            speaker: None,
            exact: !crlf && !fast,
            left: None,
            end: None,
        }
    }

    /// This much goes up; None: it is not certain.
    pub fn up(&self) -> Option<usize> {
        (self.certain || self.exact && self.hold != Hold::Lost).then_some(self.up)
    }

    /// With this much everything has arrived.
    pub fn awaits(&self, all: usize) -> usize {
        // Of a line that is lost the beginning may have gone up.
        if self.exact || self.certain {
            self.up
        } else {
            all
        }
    }

    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// Everything has arrived.
    pub fn settles(&mut self) {
        self.speaker = None;
    }

    pub fn speaks(&mut self, side: Side) {
        self.exact &= self.speaker.is_none_or(|last| last == side);
        self.speaker = Some(side);
    }

    pub fn client_says(&mut self, words: &[u8]) {
        if !words.is_empty() {
            self.speaks(Side::Client);
            self.held.extend_from_slice(words);
            self.pass();
        }
    }

    pub fn server_says(&mut self, words: &[u8]) {
        if !words.is_empty() {
            self.speaks(Side::Server);
            self.dialogue.received(words);
            self.dialogue.delivered();
            self.pass();
        }
    }

    pub fn client_ends(&mut self) {
        self.speaks(Side::Client);
        self.left = Some(self.dialogue.standing());
    }

    fn pass(&mut self) {
        let pass = self.dialogue.pass(&self.held);
        self.held.drain(..pass.go);
        self.hold = pass.hold;
        self.up += pass.go;
        if self.end.is_none() {
            self.end = self.decide();
        }
    }

    fn decide(&mut self) -> Option<(End, Exit)> {
        let config = |put_off| if put_off { Exit::TempFail } else { Exit::Config };
        match self.hold {
            Hold::Tls => Some((End::ClientTls, Exit::Config)),
            Hold::Mail => self.dialogue.refuse().map(|why| (End::Unauthenticated, config(why.temporary))),
            hold if hold != Hold::Lost && !self.dialogue.is_lost() => None,
            // Behind the last word of the server.
            _ if self.dialogue.is_known() && !self.dialogue.is_settled() => None,
            _ if self.dialogue.is_goodbye() => Some((End::Eof, Exit::Ok)),
            _ => Some((End::Unauthenticated, config(self.dialogue.is_put_off()))),
        }
    }

    pub fn end(&self) -> Option<(End, Exit)> {
        self.end
    }

    /// What it makes of the server's end; `notified`: with close_notify.
    pub fn server_end(&self, notified: bool) -> (End, Exit) {
        let complete = self.dialogue.is_complete() && self.held.is_empty();
        match notified {
            true if self.dialogue.is_goodbye() || complete || !self.dialogue.is_known() => (End::CloseNotify, Exit::Ok),
            false if self.dialogue.is_goodbye() || complete => (End::Eof, Exit::Ok),
            _ => (End::Truncated, Exit::Protocol),
        }
    }

    /// How it leaves a server that says nothing more, if it is certain that the client's end is passed on at once.
    pub fn client_end(&self) -> Option<Exit> {
        match self.left.filter(|_| self.exact)? {
            Standing::Settled { inside: false } => Some(Exit::Ok),
            Standing::Settled { inside: true } => Some(Exit::IoError),
            Standing::Leaving | Standing::Owed | Standing::Unknown { .. } => None,
        }
    }

    pub fn account(&self) -> Option<smtps_bridge::smtp::Account> {
        self.dialogue.account()
    }
}

/// Whether the server's last words are a whole 221 or 421, whatever the client said.
pub fn is_goodbye(said: &[u8]) -> bool {
    let mut dialogue = Dialogue::new(Rules::Follow);
    dialogue.received(said);
    dialogue.is_goodbye()
}
