//! A dialogue between both models, and what the relay does between them.

use smtps_bridge::smtp::{Account, Dialogue, Expected, Hold, Rules, Standing};

use super::client::Polite;
use super::server::{Asked, Reply, Server};
use super::verdict;

/// A client that has said this much says nothing more.
const MOST: usize = 60_000;

/// What is asked of the dialogue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    /// Everything, after each step.
    Always,
    /// Only what the relay asks, when it asks: a thread that sleeps must be woken.
    AsInLife,
}

/// How what either side says is cut.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cuts {
    None,
    Octets,
}

/// A reply on its way to the client, or a line that is none.
#[derive(Debug)]
pub struct Said {
    /// Where it ends, counted from the first octet behind the greeting.
    pub end: usize,
    pub code: Option<u16>,
    /// None: no one asked.
    pub asked: Option<Asked>,
    pub alike: bool,
    /// A bridge that only reads along cannot tell what comes behind it.
    pub confuses: bool,
    pub last_line: Vec<u8>,
}

pub struct Bridge {
    pub dialogue: Dialogue,
    pub rules: Rules,
    watched: Watched,
    cuts: Cuts,
    polite: Option<Polite>,
    pub server: Server,
    /// What the client has said and has not been read.
    unread: Vec<u8>,
    /// What the relay has read and not passed on.
    pub held: Vec<u8>,
    pub hold: Hold,
    pub up: Vec<u8>,
    down: Vec<u8>,
    pub said: Vec<Said>,
    pub received: usize,
    pub delivered: usize,
    /// The server says nothing more.
    closed: bool,
    /// Our 421 took its place.
    pub refused: bool,
    client_ends: bool,
    /// How it stood when the relay last asked, once it has read the client's end.
    ended: Option<Standing>,
    /// The server knows of that end.
    told: bool,
}

/// What runs of the same dialogue must agree on.
#[derive(Debug, PartialEq)]
pub struct State {
    known: bool,
    /// None, as below: of a line that is lost the beginning may have gone up.
    standing: Option<Standing>,
    expected: Expected,
    account: Option<Account>,
    complete: bool,
    goodbye: bool,
    hold: Hold,
    refused: bool,
    delivered: usize,
    up: Option<usize>,
}

impl Bridge {
    pub fn new(rules: Rules, server: Server, polite: Option<Polite>, watched: Watched, cuts: Cuts) -> Bridge {
        let mut dialogue = Dialogue::new(rules);
        assert!(rules == Rules::NotSmtp || !dialogue.is_settled(), "the greeting is on its way");
        dialogue.delivered();
        Bridge {
            dialogue,
            rules,
            watched,
            cuts,
            polite,
            server,
            unread: Vec::new(),
            held: Vec::new(),
            hold: Hold::Nothing,
            up: Vec::new(),
            down: Vec::new(),
            said: Vec::new(),
            received: 0,
            delivered: 0,
            closed: false,
            refused: false,
            client_ends: false,
            ended: None,
            told: false,
        }
    }

    /// The session ends here, whatever either side says.
    pub fn is_over(&self) -> bool {
        self.refused || matches!(self.hold, Hold::Lost | Hold::Tls)
    }

    pub fn is_polite(&self) -> bool {
        self.polite.is_some()
    }

    pub fn client_says(&mut self, words: &[u8]) {
        if !self.client_ends && self.up.len() < MOST {
            self.unread.extend_from_slice(words);
            self.turn();
        }
    }

    /// What a polite client says next.
    pub fn polite_words(&mut self, how: u8) -> Option<Vec<u8>> {
        let chunks = self.server.habits.knows_chunks();
        self.polite.as_mut().map(|polite| polite.says(how, chunks))
    }

    pub fn client_ends(&mut self) {
        self.client_ends = true;
        self.turn();
    }

    /// False: it was asked nothing.
    pub fn server_answers(&mut self, how: u8) -> bool {
        let Some(reply) = (!self.closed).then(|| self.server.answer(how)).flatten() else { return false };
        let Reply { asked, code, octets, alike, confuses } = reply;
        self.server_says(&octets, (Some(code), Some(asked), alike, confuses));
        true
    }

    /// Its end, whether it was asked or not.
    pub fn server_closes(&mut self, code: u16) {
        if !self.closed {
            self.server_says(format!("{code} bye\r\n").as_bytes(), (Some(code), None, true, false));
        }
    }

    /// A line that is not a reply, or a reply that no one asked for.
    pub fn server_babbles(&mut self, words: &[u8], is_reply: bool) {
        self.delivers();
        if self.is_over() {
            return;
        }
        let surplus = is_reply && verdict::owed(self, 0, self.received).asked.is_empty();
        if !self.closed && (surplus || !is_reply) {
            self.server_says(words, (None, None, false, true));
        }
        // A reply too many is distinguished from one that is not owed: it is there before the client asks for another.
        if surplus {
            self.receives(usize::MAX);
        }
    }

    fn server_says(&mut self, octets: &[u8], (code, asked, alike, confuses): (Option<u16>, Option<Asked>, bool, bool)) {
        self.down.extend_from_slice(octets);
        self.closed = matches!(code, Some(221 | 421));
        let line = octets.split_inclusive(|octet| *octet == b'\n').next_back().unwrap_or_default();
        let last_line = line.trim_ascii_end().to_vec();
        self.said.push(Said { end: self.down.len(), code, asked, alike, confuses, last_line });
    }

    /// `down` reads this much, and is about to write it.
    pub fn receives(&mut self, most: usize) {
        self.delivers();
        if self.is_over() {
            return;
        }
        let data = self.down[self.received..].iter().copied().take(most).collect::<Vec<u8>>();
        self.attribute(self.received + data.len());
        let size = if self.cuts == Cuts::None { data.len() } else { 1 };
        for piece in data.chunks(size.max(1)) {
            assert!(self.dialogue.received(piece), "nobody else writes");
            self.received += piece.len();
        }
    }

    /// An end that no one asked for takes the place of what is owed.
    fn attribute(&mut self, until: usize) {
        let [.., last] = self.said.as_slice() else { return };
        if last.end <= until && last.end > self.received && last.asked.is_none() && last.code.is_some() {
            let before = self.said.iter().rev().nth(1).map_or(0, |said| said.end);
            let owed = verdict::owed(self, 0, before).asked;
            self.said.last_mut().expect("the same").asked = owed.first().copied();
        }
    }

    /// The client has what was received.
    pub fn delivers(&mut self) {
        if self.received == self.delivered {
            return;
        }
        let reached = self.delivered + 1..=self.received;
        self.delivered = self.received;
        if let Some(polite) = &mut self.polite {
            let codes = self.said.iter().filter(|said| reached.contains(&said.end)).filter_map(|said| said.code);
            codes.for_each(|code| polite.reads(code));
        }
        if self.dialogue.delivered() {
            self.turn();
        }
    }

    /// What the main thread does when it is woken.
    pub fn turn(&mut self) {
        if self.is_over() {
            return;
        }
        if !self.held.is_empty() {
            self.pass();
        }
        while !self.unread.is_empty() && self.wants_words() {
            let n = if self.cuts == Cuts::None { self.unread.len() } else { 1 };
            self.held.extend(self.unread.drain(..n));
            self.pass();
        }
        if self.hold == Hold::Mail {
            if let Some(why) = self.dialogue.refuse() {
                verdict::refused(self, &why);
                self.refused = true;
                assert!(!self.dialogue.received(b"250 too late\r\n"), "two write to the client");
            }
        }
        if self.client_ends && !self.told && self.unread.is_empty() && self.wants_words() {
            if self.hold == Hold::Unsure {
                self.held.clear();
                self.hold = Hold::Nothing;
            }
            let standing = self.dialogue.standing();
            self.ended = Some(standing);
            if matches!(standing, Standing::Settled { .. }) {
                self.tell();
            }
        }
    }

    fn wants_words(&self) -> bool {
        matches!(self.hold, Hold::Nothing | Hold::Unsure)
    }

    fn pass(&mut self) {
        let pass = self.dialogue.pass(&self.held);
        assert!(pass.go <= self.held.len(), "more than was said");
        assert_eq!(pass.go == self.held.len(), pass.hold == Hold::Nothing, "{pass:?} of {}", self.held.len());
        let words: Vec<u8> = self.held.drain(..pass.go).collect();
        self.hold = pass.hold;
        self.up.extend_from_slice(&words);
        self.server.hear(&words);
        verdict::held(self);
        verdict::no_mail(self);
    }

    /// Everything that is owed is answered, and everything delivered.
    pub fn settle(&mut self) {
        while !self.is_over() {
            while self.server_answers(0) {}
            if self.delivered == self.down.len() {
                break;
            }
            self.receives(usize::MAX);
            self.delivers();
        }
        if self.watched == Watched::AsInLife && !self.is_over() {
            let before = (self.hold, self.held.len(), self.refused, self.ended);
            self.turn();
            assert_eq!(before, (self.hold, self.held.len(), self.refused, self.ended), "nobody was woken");
        }
    }

    fn tell(&mut self) {
        self.dialogue.client_ended();
        self.told = true;
    }

    /// After the client's end was passed on nothing surprises.
    pub fn leave(&mut self) {
        if self.is_over() {
            return;
        }
        let known = self.dialogue.is_known();
        self.tell();
        for (words, goodbye) in [(&b"250 late\r\n"[..], false), (b"junk\r\n", false), (b"221 bye\r\n", true)] {
            assert!(self.dialogue.received(words));
            self.dialogue.delivered();
            assert_eq!(self.dialogue.is_known(), known, "{:?}", self.dialogue.standing());
            assert_eq!(self.dialogue.is_goodbye(), goodbye && self.rules != Rules::NotSmtp);
        }
    }

    pub fn state(&mut self) -> State {
        if self.watched == Watched::Always && !self.is_over() && !self.told {
            verdict::check(self);
        }
        let is_lost = self.hold == Hold::Lost;
        State {
            known: self.dialogue.is_known(),
            standing: (!is_lost).then(|| self.dialogue.standing()),
            expected: self.dialogue.expected(),
            account: self.dialogue.account(),
            complete: self.dialogue.is_complete(),
            goodbye: self.dialogue.is_goodbye(),
            hold: self.hold,
            refused: self.refused,
            delivered: self.delivered,
            up: (!is_lost).then_some(self.up.len()),
        }
    }
}
