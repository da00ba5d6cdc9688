//! A server that knows what it owes. It reads what was sent to it as real servers do, and they do not all read alike.

/// What one server does and another does not. All of them take LF for the end of a line.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// Lone dots that end a text besides CRLF.CRLF.
    lf_lf: bool,
    lf_crlf: bool,
    crlf_lf: bool,
    /// CR alone ends a line of a text too, and a lone dot between such ends ends the text.
    cr_dot: bool,
    /// CR alone ends a command line.
    cr: bool,
    /// Blanks before a verb are skipped.
    skips_blanks: bool,
    /// A blank line gets no answer.
    skips_blank_lines: bool,
    /// What C calls white space ends a verb, and a NUL is dropped.
    white_space: bool,
    /// A word too many is an error: QUIT does not end the session, the octets behind BDAT are commands.
    strict: bool,
    /// It does not know BDAT: the octets behind it are commands.
    no_chunks: bool,
}

impl Habits {
    pub fn new(bits: u16) -> Habits {
        let is = |bit: u16| bits >> bit & 1 == 1;
        Habits {
            lf_lf: is(0),
            lf_crlf: is(1),
            crlf_lf: is(2),
            cr_dot: is(3),
            cr: is(4),
            skips_blanks: is(5),
            skips_blank_lines: is(6),
            white_space: is(7),
            strict: is(8),
            no_chunks: is(9),
        }
    }

    pub fn knows_chunks(self) -> bool {
        !self.no_chunks
    }

    fn ends_a_text(self, before: LineEnd, behind: LineEnd) -> bool {
        match (before, behind) {
            (LineEnd::Crlf, LineEnd::Crlf) => true,
            (LineEnd::Lf, LineEnd::Lf) => self.lf_lf,
            (LineEnd::Lf, LineEnd::Crlf) => self.lf_crlf,
            (LineEnd::Crlf, LineEnd::Lf) => self.crlf_lf,
            (LineEnd::Cr, _) | (_, LineEnd::Cr) => self.cr_dot,
        }
    }
}

/// What a reply is owed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Ehlo,
    Mail,
    /// The verb and nothing else: an error.
    MailAlone,
    Rcpt,
    Data,
    Text,
    Chunk {
        last: bool,
    },
    Auth {
        layer: bool,
    },
    StartTls,
    Turn,
    Quit,
    Other,
    /// What this server does not understand, and BDAT among it.
    Bad,
    BadChunk,
}

impl Asked {
    /// An answer to a message, or to a part of one.
    pub fn is_message(self) -> bool {
        matches!(self, Asked::Text | Asked::Chunk { .. } | Asked::BadChunk)
    }

    /// The codes that it may be answered with. The first three leave no doubt, and end nothing.
    fn codes(self) -> [u16; 8] {
        match self {
            Asked::Ehlo => [250, 502, 250, 550, 250, 250, 354, 421],
            Asked::Mail | Asked::Rcpt | Asked::Other => [250, 550, 450, 530, 250, 235, 334, 421],
            Asked::Data => [354, 554, 451, 354, 354, 503, 250, 421],
            Asked::Text => [250, 554, 451, 250, 250, 353, 354, 421],
            Asked::Chunk { .. } => [250, 552, 451, 250, 503, 354, 250, 421],
            Asked::Auth { .. } => [334, 535, 235, 334, 454, 501, 235, 421],
            Asked::StartTls => [454, 502, 454, 501, 220, 220, 354, 421],
            Asked::Turn => [502, 550, 450, 250, 220, 220, 354, 421],
            Asked::Quit => [221, 221, 221, 221, 221, 221, 250, 421],
            Asked::Bad | Asked::MailAlone => [500, 501, 500, 501, 502, 500, 502, 421],
            Asked::BadChunk => [500, 502, 500, 502, 502, 500, 502, 421],
        }
    }
}

/// A reply, and what it is the answer to.
#[derive(Clone, Debug)]
pub struct Reply {
    pub asked: Asked,
    pub code: u16,
    pub octets: Vec<u8>,
    /// All its lines have its code.
    pub alike: bool,
    /// A bridge that only reads along cannot tell what comes behind it.
    pub confuses: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineEnd {
    Crlf,
    Lf,
    Cr,
}

/// What the next octet belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Command,
    Text,
    Exchange {
        layer: bool,
    },
    Chunk {
        left: u64,
        last: bool,
        answered: bool,
    },
    /// It has answered QUIT, and reads nothing more.
    Over,
    /// Octets that are no SMTP.
    Opaque,
}

/// All that a server will answer if nothing more is said to it.
#[derive(Debug)]
pub struct Owes {
    pub asked: Vec<Asked>,
    /// Where it stands behind that, and what it has of a line that is not complete.
    pub place: Place,
    pub begun: Vec<u8>,
}

#[derive(Clone, Debug)]
pub struct Server {
    pub habits: Habits,
    place: Place,
    /// How the line before the next octet of a text ended.
    before: Option<LineEnd>,
    /// What was sent to it; so much of it has been read.
    inbox: Vec<u8>,
    read: usize,
}

impl Server {
    pub fn new(habits: Habits) -> Server {
        Server { habits, place: Place::Command, before: None, inbox: Vec::new(), read: 0 }
    }

    pub fn hear(&mut self, data: &[u8]) {
        self.inbox.extend_from_slice(data);
    }

    /// What is owed if each question is answered in the way of `how`: 0, 1 or 2.
    pub fn owes(&self, how: u8) -> Owes {
        let mut server = self.clone();
        let mut asked: Vec<Asked> = std::iter::from_fn(|| server.next(how)).map(|(asked, _)| asked).collect();
        if let Place::Chunk { last, answered: false, .. } = server.place {
            asked.push(Asked::Chunk { last });
        }
        Owes { asked, place: server.place, begun: server.inbox.split_off(server.read) }
    }

    /// Reads up to the next question and answers it. None: there is none yet.
    pub fn answer(&mut self, how: u8) -> Option<Reply> {
        self.next(how).map(|(asked, code)| reply(asked, code, how))
    }

    /// The next question, and the code of its answer.
    fn next(&mut self, how: u8) -> Option<(Asked, u16)> {
        loop {
            match self.place {
                Place::Command => {
                    let (line, end) = self.line()?;
                    if line.is_empty() && self.habits.skips_blank_lines {
                        continue;
                    }
                    self.before = Some(end);
                    match self.command(&line) {
                        (Asked::Chunk { last }, left) => {
                            let answered = how & 0x40 != 0;
                            self.place = Place::Chunk { left, last, answered };
                            if answered {
                                return Some(self.decide(Asked::Chunk { last }, how));
                            }
                        }
                        (asked, _) => return Some(self.decide(asked, how)),
                    }
                }
                Place::Exchange { layer } => {
                    self.line()?;
                    return Some(self.decide(Asked::Auth { layer }, how));
                }
                Place::Text => {
                    let (line, end) = self.line()?;
                    let before = self.before.replace(end);
                    if line == b"." && before.is_some_and(|before| self.habits.ends_a_text(before, end)) {
                        return Some(self.decide(Asked::Text, how));
                    }
                }
                Place::Chunk { left, last, answered } => {
                    let there = self.inbox.len() - self.read;
                    let taken = usize::try_from(left).map_or(there, |left| left.min(there));
                    self.read += taken;
                    let left = left - taken as u64;
                    self.place = if left == 0 { Place::Command } else { Place::Chunk { left, last, answered } };
                    match left {
                        0 if !answered => return Some(self.decide(Asked::Chunk { last }, how)),
                        0 => {}
                        _ => return None,
                    }
                }
                Place::Over | Place::Opaque => return None,
            }
        }
    }

    /// A line without its end. Behind a CR one more octet decides.
    fn line(&mut self) -> Option<(Vec<u8>, LineEnd)> {
        let cr = if self.place == Place::Text { self.habits.cr_dot } else { self.habits.cr };
        let inbox = &self.inbox[self.read..];
        let (length, end) = inbox.iter().enumerate().find_map(|(at, octet)| match (octet, inbox.get(at + 1)) {
            (b'\r', Some(b'\n')) => Some((at, LineEnd::Crlf)),
            (b'\r', Some(_)) if cr => Some((at, LineEnd::Cr)),
            (b'\n', _) => Some((at, LineEnd::Lf)),
            _ => None,
        })?;
        let line = inbox[..length].to_vec();
        self.read += length + if end == LineEnd::Crlf { 2 } else { 1 };
        Some((line, end))
    }

    /// What a line asks for, and the size of a chunk.
    fn command(&self, line: &[u8]) -> (Asked, u64) {
        let line = self.readable(line);
        let is_blank = |octet: &u8| matches!(octet, b' ' | b'\t');
        let mut words = line.split(is_blank);
        let verb = words.next().unwrap_or_default().to_ascii_uppercase();
        let rest: Vec<&[u8]> = words.filter(|word| !word.is_empty()).collect();
        let first = rest.first().copied().unwrap_or_default().to_ascii_uppercase();
        let asked = match verb.as_slice() {
            b"EHLO" => Asked::Ehlo,
            b"MAIL" if line.len() > 4 => Asked::Mail,
            b"MAIL" => Asked::MailAlone,
            b"RCPT" => Asked::Rcpt,
            b"DATA" => Asked::Data,
            b"BDAT" if self.habits.no_chunks => Asked::BadChunk,
            b"BDAT" => return self.chunk(&rest),
            b"AUTH" => Asked::Auth { layer: first == b"GSSAPI" },
            b"STARTTLS" => Asked::StartTls,
            b"XCLIENT" | b"ATRN" => Asked::Turn,
            b"QUIT" if self.habits.strict && !rest.is_empty() => Asked::Bad,
            b"QUIT" => Asked::Quit,
            b"HELO" | b"RSET" | b"NOOP" => Asked::Other,
            _ => Asked::Bad,
        };
        (asked, 0)
    }

    fn chunk(&self, words: &[&[u8]]) -> (Asked, u64) {
        let size = words.first().copied().unwrap_or_default();
        let digits = size.iter().take_while(|octet| octet.is_ascii_digit()).count();
        let number = std::str::from_utf8(&size[..digits]).ok().and_then(|digits| digits.parse().ok());
        let last = words.get(1).is_some_and(|word| word.eq_ignore_ascii_case(b"LAST"));
        let proper = digits == size.len() && words.len() <= 1 + usize::from(last);
        match number {
            Some(octets) if proper || !self.habits.strict => (Asked::Chunk { last }, octets),
            _ => (Asked::Bad, 0),
        }
    }

    /// A command line as this server sees it.
    fn readable(&self, line: &[u8]) -> Vec<u8> {
        let mut line = line.to_vec();
        if self.habits.white_space {
            line.retain(|octet| *octet != 0);
            line.iter_mut().filter(|octet| matches!(octet, 0x0b | 0x0c)).for_each(|octet| *octet = b' ');
        }
        let blanks = line.iter().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
        if self.habits.skips_blanks {
            line.drain(..blanks);
        }
        line
    }

    /// Whether a line that is not complete may become MAIL.
    pub fn may_be_mail(&self, begun: &[u8]) -> bool {
        let line = self.readable(begun);
        let verb = &line[..line.len().min(4)];
        let behind = line.get(4).is_none_or(|octet| matches!(octet, b' ' | b'\t'));
        !verb.is_empty() && b"MAIL"[..verb.len()].eq_ignore_ascii_case(verb) && behind
    }

    fn decide(&mut self, asked: Asked, how: u8) -> (Asked, u16) {
        let code = asked.codes()[usize::from(how & 7)];
        self.place = match (asked, code) {
            (Asked::Quit, _) => Place::Over,
            (Asked::Data, 354) => Place::Text,
            (Asked::Auth { layer }, 334) => Place::Exchange { layer },
            (Asked::Auth { layer: true }, 235) | (Asked::StartTls, 220) => Place::Opaque,
            (Asked::Chunk { .. }, _) => self.place,
            _ => Place::Command,
        };
        (asked, code)
    }
}

fn reply(asked: Asked, code: u16, how: u8) -> Reply {
    let lines = usize::from(how >> 3 & 3);
    let end = if how & 0x20 == 0 { "\r\n" } else { "\n" };
    let alike = how & 0x80 == 0 || lines == 0;
    let first = if alike { code } else { 299 };
    let last = match (asked, how & 0x40) {
        (Asked::Ehlo, 0) => format!("{code} AUTH PLAIN LOGIN{end}"),
        (_, 0) => format!("{code} words{end}"),
        (_, _) => format!("{code}{end}"),
    };
    let octets = format!("{first}-more{end}").repeat(lines) + &last;
    let confuses = match (asked, code) {
        (_, 221 | 421) => false,
        (Asked::Text | Asked::Chunk { last: true }, 300..400) | (Asked::StartTls | Asked::Turn, 220..300) => true,
        (Asked::Data, 354) | (Asked::Auth { .. }, 334) => !alike,
        (_, 334 | 354) | (Asked::Quit, _) => true,
        (Asked::Auth { layer }, 235) => layer || !alike,
        _ => !alike,
    };
    Reply { asked, code, octets: octets.into_bytes(), alike, confuses }
}
