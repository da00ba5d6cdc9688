//! One command line of the client, read as far as a reply depends on it: its verb, the size of a chunk, the name of a SASL
//! mechanism. What stands behind them, passwords and recipients, is not looked at.

use memchr::memchr2;

/// The longest verb that means something here is STARTTLS.
const VERB: usize = 8;

/// The longest other word: `KERBEROS_V4`, or the 20 digits of 2^64.
const WORD: usize = 20;

/// What a command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Ehlo,
    Mail,
    Rcpt,
    /// `crlf`: it ended with CRLF, with which the text's end may begin (RFC 5321 section 4.1.1.4).
    Data {
        crlf: bool,
    },
    /// RFC 3030.
    Chunk {
        octets: u64,
        last: bool,
    },
    /// RFC 4954. `layer`: the mechanism may encrypt what follows.
    Auth {
        layer: bool,
    },
    StartTls,
    /// TURN, ATRN, XCLIENT: a yes makes another session of this one.
    Turn,
    Quit,
    Other,
    /// Not all servers read it alike: a blank line, blanks before the verb, a control character, a CR inside, a chunk of
    /// no size, a word too many.
    Unclear,
}

/// A command line that has begun, wiped at its end.
#[derive(Default)]
pub struct Line {
    words: [Word; 4],
    /// Which of them is being read; past the last one nothing is looked at.
    word: usize,
    before: Before,
}

#[derive(Clone, Copy, Default)]
struct Word {
    octets: [u8; WORD],
    length: usize,
}

/// What stood before the octet that comes next.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Before {
    #[default]
    Nothing,
    Word,
    Blank,
    Cr,
}

impl Line {
    pub fn has_begun(&self) -> bool {
        self.before != Before::Nothing
    }

    /// A line of which only the end is looked at.
    pub fn blind() -> Line {
        let line = Line::default();
        Line { word: line.words.len(), before: Before::Word, ..line }
    }

    /// Takes octets of `data` up to the end of the line, and tells what it was, or up to where it is unclear; None: the line goes
    /// on.
    pub fn take(&mut self, data: &[u8]) -> (usize, Option<Command>) {
        let mut at = 0;
        while let Some(&octet) = data.get(at) {
            if self.is_understood() && !matches!(octet, b'\r' | b'\n') {
                // No more words: only the line's end counts.
                let rest = data.get(at..).unwrap_or_default();
                at += memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
                continue;
            }
            at += 1;
            if let Some(command) = self.octet(octet) {
                *self = Line::default();
                return (at, Some(command));
            }
        }
        (at, None)
    }

    /// None: the line goes on.
    fn octet(&mut self, octet: u8) -> Option<Command> {
        match (self.before, octet) {
            (_, b'\n') => return Some(self.command()),
            // Some servers take a bare CR for the end of a line, and they differ on blanks before the verb.
            (Before::Cr, _) | (Before::Nothing, b' ' | b'\t') => return Some(Command::Unclear),
            (_, b'\r') => self.before = Before::Cr,
            (before, b' ' | b'\t') => {
                self.word += usize::from(before == Before::Word);
                self.before = Before::Blank;
            }
            // Some servers split a line at them, or drop them.
            _ if octet.is_ascii_control() => return Some(Command::Unclear),
            _ => {
                self.before = Before::Word;
                let room = if self.word == 0 { VERB } else { WORD };
                if let Some(word) = self.words.get_mut(self.word) {
                    word.push(octet, room);
                }
            }
        }
        None
    }

    /// Whether what follows cannot change what the line asks for. An initial response of AUTH is never read.
    fn is_understood(&self) -> bool {
        let words = if self.is("BDAT") {
            4
        } else if self.is("AUTH") || self.is("QUIT") {
            2
        } else {
            1
        };
        self.word >= words && self.before != Before::Cr
    }

    fn command(&self) -> Command {
        let [verb, second, third, fourth] = &self.words;
        if self.word == 0 && verb.length == 0 {
            return Command::Unclear;
        }
        let Some(verb) = verb.text() else { return Command::Other };
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => Command::Ehlo,
            "MAIL" => Command::Mail,
            "RCPT" => Command::Rcpt,
            "DATA" => Command::Data { crlf: self.before == Before::Cr },
            "BDAT" => match second.number() {
                Some(octets) if fourth.length == 0 && (third.length == 0 || third.is("LAST")) => {
                    Command::Chunk { octets, last: third.length > 0 }
                }
                _ => Command::Unclear,
            },
            "AUTH" => Command::Auth { layer: second.has_security_layer() },
            "STARTTLS" => Command::StartTls,
            "TURN" | "ATRN" | "XCLIENT" => Command::Turn,
            "QUIT" if second.length == 0 => Command::Quit,
            "QUIT" => Command::Unclear,
            _ => Command::Other,
        }
    }

    fn is(&self, verb: &str) -> bool {
        self.words.first().is_some_and(|word| word.is(verb))
    }
}

impl Word {
    fn push(&mut self, octet: u8, room: usize) {
        if let Some(place) = self.octets.get_mut(self.length).filter(|_| self.length < room) {
            *place = octet;
            self.length += 1;
        } else {
            // No word that we know.
            self.length = WORD + 1;
        }
    }

    fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.octets.get(..self.length)?).ok()
    }

    fn is(&self, word: &str) -> bool {
        self.text().is_some_and(|text| text.eq_ignore_ascii_case(word))
    }

    fn number(&self) -> Option<u64> {
        let text = self.text().filter(|text| text.bytes().all(|octet| octet.is_ascii_digit()))?;
        text.parse().ok()
    }

    /// Mechanisms that may agree on a security layer (RFC 4422 section 3.7); it would begin right behind the 235.
    fn has_security_layer(&self) -> bool {
        let known = ["DIGEST-MD5", "GSSAPI", "GSS-SPNEGO", "KERBEROS_V4", "KERBEROS_V5", "SRP"];
        known.iter().any(|layer| self.is(layer))
    }
}

/// Whether MAIL begins here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ahead {
    Mail,
    Other,
    /// The next octets decide.
    Unsure,
    /// Servers differ on blanks before a verb.
    Unclear,
}

/// Looks at the beginning of a command line without reading it. MAIL has a blank or a tab behind it.
pub fn ahead(line: &[u8]) -> Ahead {
    const MAIL: &[u8] = b"MAIL";
    if let [b' ' | b'\t' | b'\r', ..] = line {
        return Ahead::Unclear;
    }
    let verb = line.get(..MAIL.len().min(line.len())).unwrap_or_default();
    if !MAIL.get(..verb.len()).is_some_and(|mail| mail.eq_ignore_ascii_case(verb)) {
        return Ahead::Other;
    }
    match line.get(MAIL.len()) {
        None => Ahead::Unsure,
        Some(b' ' | b'\t') => Ahead::Mail,
        Some(_) => Ahead::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cut in two at every place and octet by octet, a line is the same. What is unclear is so before its end, or with it.
    fn command(text: &[u8]) -> Command {
        let take = |pieces: &[&[u8]]| {
            let mut line = Line::default();
            let mut taken = 0;
            for piece in pieces {
                let (n, command) = line.take(piece);
                taken += n;
                if let Some(command) = command {
                    return (taken, command);
                }
                assert_eq!(n, piece.len());
            }
            panic!("{text:?} is no whole line");
        };
        let (taken, command) = take(&[text]);
        assert!(taken == text.len() || command == Command::Unclear);
        for at in 0..text.len() {
            let (first, second) = text.split_at(at);
            assert_eq!(take(&[first, second]), (taken, command));
        }
        let octets: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(take(&octets), (taken, command));
        command
    }

    #[test]
    fn verbs_are_known_in_any_case_and_only_whole() {
        assert_eq!(command(b"ehlo me\r\n"), Command::Ehlo);
        assert_eq!(command(b"MAIL FROM:<a@b>\r\n"), Command::Mail);
        assert_eq!(command(b"mail\tFROM:<a@b>\n"), Command::Mail);
        assert_eq!(command(b"MAILX FROM:<a@b>\r\n"), Command::Other);
        assert_eq!(command(b"DATA\r\n"), Command::Data { crlf: true });
        assert_eq!(command(b"DATA\n"), Command::Data { crlf: false });
        assert_eq!(command(b"DATA \r\n"), Command::Data { crlf: true });
        assert_eq!(command(b"STARTTLSX\r\n"), Command::Other);
        assert_eq!(command(b"quit \r\n"), Command::Quit);
        assert_eq!(command(b"\xff\xfe\r\n"), Command::Other);
        assert_eq!(command(&[b"NOOP ".as_slice(), &[b'x'; 5000], b"\r\n"].concat()), Command::Other);
    }

    #[test]
    fn a_chunk_has_a_size_and_perhaps_last_behind_it() {
        assert_eq!(command(b"BDAT 86\r\n"), Command::Chunk { octets: 86, last: false });
        assert_eq!(command(b"bdat  0 last \r\n"), Command::Chunk { octets: 0, last: true });
        let most = Command::Chunk { octets: u64::MAX, last: false };
        assert_eq!(command(b"BDAT 18446744073709551615\r\n"), most);
        for unclear in [
            "BDAT",
            "BDAT ",
            "BDAT x",
            "BDAT -1",
            "BDAT +1",
            "BDAT 1x",
            "BDAT 18446744073709551616",
            "BDAT 1 FIRST",
            "BDAT 1 LASTLASTLASTLASTLASTLAST",
            "BDAT 1 LAST x",
        ] {
            assert_eq!(command(format!("{unclear}\r\n").as_bytes()), Command::Unclear, "{unclear}");
        }
    }

    #[test]
    fn what_servers_read_differently_is_unclear() {
        for line in ["\r\n", "\n", " MAIL FROM:<a@b>\r\n", "\tDATA\r\n", "NO\rOP\r\n", "NOOP x\ry\r\n", "\r\r\n"] {
            assert_eq!(command(line.as_bytes()), Command::Unclear, "{line:?}");
        }
        for line in ["MAIL\x0bFROM:<a@b>\r\n", "DATA\x0c\r\n", "\0MAIL FROM:<a@b>\r\n", "QUIT x\r\n"] {
            assert_eq!(command(line.as_bytes()), Command::Unclear, "{line:?}");
        }
    }

    #[test]
    fn of_a_blind_line_nothing_counts_but_its_end() {
        for (text, expected) in [
            (&b"\r\n"[..], (2, Some(Command::Other))),
            (b" QUIT\n", (6, Some(Command::Other))),
            (b"c2VjcmV0\r\n", (10, Some(Command::Other))),
            (b"*\rM", (3, Some(Command::Unclear))),
            (b"c2Vj", (4, None)),
        ] {
            let mut line = Line::blind();
            assert_eq!(line.take(text), expected, "{text:?}");
            assert!(line.words.iter().all(|word| word.length == 0));
        }
    }

    #[test]
    fn a_mechanism_with_a_security_layer_is_known() {
        assert_eq!(command(b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n"), Command::Auth { layer: false });
        assert_eq!(command(b"auth gssapi\r\n"), Command::Auth { layer: true });
        assert_eq!(command(b"AUTH DIGEST-MD5 =\r\n"), Command::Auth { layer: true });
        assert_eq!(command(b"AUTH\r\n"), Command::Auth { layer: false });
    }

    #[test]
    fn an_initial_response_is_never_kept() {
        let mut line = Line::default();
        for piece in [b"AUTH PLAIN c2Vj".as_slice(), b"c", b"m", b"V0 x"] {
            line.take(piece);
        }
        let kept: Vec<u8> = line.words.iter().flat_map(|word| word.octets).filter(|octet| *octet != 0).collect();
        assert_eq!(kept, b"AUTHPLAIN");
    }

    #[test]
    fn mail_is_seen_before_it_is_read() {
        for (line, expected) in [
            ("", Ahead::Unsure),
            ("ma", Ahead::Unsure),
            ("MAIL", Ahead::Unsure),
            ("mail f", Ahead::Mail),
            ("MAIL\t", Ahead::Mail),
            ("MAILX", Ahead::Other),
            ("MAIL\r\n", Ahead::Other),
            ("RCPT", Ahead::Other),
            (" MAIL", Ahead::Unclear),
            ("\rMAIL", Ahead::Unclear),
        ] {
            assert_eq!(ahead(line.as_bytes()), expected, "{line:?}");
        }
    }
}
