//! Replies (RFC 5321 section 4.2): three digits, then a blank, a hyphen or the line's end. LF alone ends a line too, NUL
//! stands in none. The reply is complete with the line whose code has no hyphen behind it.

use std::fmt;

use memchr::{memchr2_iter, memrchr};

/// What is kept of a line; the rest is read past.
const LINE: usize = 200;

/// A reply that is kept whole has at most this many octets and lines: 100 lines are more than any server's EHLO.
pub const OCTETS: usize = 16 * 1024;
const LINES: usize = 100;

/// 200 to 599.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(u16);

impl Code {
    pub const READY: Code = Code(220);
    pub const CLOSING: Code = Code(221);
    pub const AUTHENTICATED: Code = Code(235);
    pub const OK: Code = Code(250);
    pub const CHALLENGE: Code = Code(334);
    pub const START_TEXT: Code = Code(354);
    pub const UNAVAILABLE: Code = Code(421);
    pub const UNRECOGNISED: Code = Code(500);
    pub const NOT_IMPLEMENTED: Code = Code(502);

    /// The first digit: 2 yes, 3 go on, 4 not now, 5 no.
    pub fn class(self) -> u16 {
        self.0 / 100
    }

    /// The server's end (RFC 5321 sections 3.8 and 4.1.1.10): nothing is owed behind it.
    pub fn is_goodbye(self) -> bool {
        self == Code::CLOSING || self == Code::UNAVAILABLE
    }

    pub fn is_refusal(self) -> bool {
        matches!(self.class(), 4 | 5)
    }

    fn read(head: &[u8]) -> Option<(Code, Place)> {
        let [first @ b'2'..=b'5', second @ b'0'..=b'9', third @ b'0'..=b'9', behind @ ..] = head else { return None };
        let digit = |octet: &u8| u16::from(*octet - b'0');
        let code = Code(100 * digit(first) + 10 * digit(second) + digit(third));
        match behind {
            [] | [b' ', ..] => Some((code, Place::Last)),
            [b'-', ..] => Some((code, Place::Before)),
            _ => None,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a line stands in its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Before,
    Last,
}

/// What a line brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A line of a reply that goes on.
    Line,
    /// The last line. `alike`: all lines had its code.
    Reply { code: Code, alike: bool },
    /// A line that is no reply's.
    Junk,
}

/// Replies out of a stream, cut anywhere.
#[derive(Default)]
pub struct Replies {
    /// Invariant: at most `LINE` octets, the beginning of the line that has begun or was read last.
    line: Vec<u8>,
    state: Kept,
    /// Of a reply that has begun: the code of its last line, and whether all lines had it.
    begun: Option<(Code, bool)>,
}

/// What is kept of a line.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Kept {
    #[default]
    Open,
    HasNul,
    Ended,
}

impl Replies {
    /// Takes octets of `data` up to the end of a line, and tells what that line was; None: the line goes on.
    pub fn take(&mut self, data: &[u8]) -> (usize, Option<Step>) {
        if self.state == Kept::Ended {
            self.line.clear();
            self.state = Kept::Open;
        }
        let end = memchr2_iter(b'\n', 0, data).find(|at| {
            let nul = data.get(*at) == Some(&0);
            if nul {
                self.state = Kept::HasNul;
            }
            !nul
        });
        let taken = data.get(..end.map_or(data.len(), |end| end + 1)).unwrap_or_default();
        let room = LINE.saturating_sub(self.line.len());
        self.line.extend_from_slice(taken.get(..room.min(taken.len())).unwrap_or_default());
        (taken.len(), end.map(|_| self.step()))
    }

    /// If only the last reply matters: what stands before it in `data`, when a line begins there.
    pub fn before_the_last_line(&mut self, data: &[u8]) -> usize {
        let all_but_its_end = data.get(..data.len().saturating_sub(1)).unwrap_or_default();
        let before = memrchr(b'\n', all_but_its_end).map_or(0, |end| end + 1);
        if before > 0 {
            *self = Replies::default();
        }
        before
    }

    /// What was kept of the last line, without its end.
    pub fn text(&self) -> &[u8] {
        without_end(&self.line)
    }

    /// Whether a reply has begun and is not complete.
    pub fn is_cut(&self) -> bool {
        self.begun.is_some() || (!self.line.is_empty() && self.state != Kept::Ended)
    }

    fn step(&mut self) -> Step {
        let (state, begun) = (std::mem::replace(&mut self.state, Kept::Ended), self.begun.take());
        let Some((code, place)) = Code::read(self.text()).filter(|_| state != Kept::HasNul) else { return Step::Junk };
        let alike = begun.is_none_or(|(before, alike)| before == code && alike);
        match place {
            Place::Before => {
                self.begun = Some((code, alike));
                Step::Line
            }
            Place::Last => Step::Reply { code, alike },
        }
    }
}

/// One reply, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub code: Code,
    /// Without their ends, the codes in them.
    lines: Vec<Vec<u8>>,
}

impl Reply {
    /// The code of the last line, and what stands behind that code on all lines that have it.
    pub fn words(&self) -> Vec<u8> {
        let code = self.code.to_string().into_bytes();
        let texts = self.lines.iter().filter_map(|line| line.strip_prefix(code.as_slice())?.get(1..));
        let texts = texts.filter(|text| !text.is_empty()).flat_map(|text| [b" ", text]);
        [code.as_slice()].into_iter().chain(texts).flatten().copied().collect()
    }

    /// What stands behind the codes of all lines but the first: the keywords of EHLO (RFC 5321 section 4.1.1.1).
    pub fn keywords(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.iter().skip(1).filter_map(|line| line.get(4..))
    }

    /// The line of EHLO's reply that begins with `keyword`, in any case.
    pub fn keyword(&self, keyword: &str) -> Option<&[u8]> {
        self.keywords().find(|line| is_keyword(line, keyword))
    }

    pub fn offers(&self, keyword: &str) -> bool {
        self.keyword(keyword).is_some()
    }

    pub fn first(&self) -> &[u8] {
        self.lines.first().map_or(b"", Vec::as_slice)
    }
}

/// `AUTH PLAIN LOGIN` and the older `AUTH=LOGIN` have the keyword AUTH.
pub fn is_keyword(line: &[u8], keyword: &str) -> bool {
    let word = line.split(|octet| matches!(octet, b' ' | b'=' | b'\t')).next().unwrap_or_default();
    word.eq_ignore_ascii_case(keyword.as_bytes())
}

/// Why the octets are not taken for a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No code at the beginning of the line, or a NUL in it.
    NoReply,
    /// Lines of one reply with different codes.
    Unlike,
    TooLong,
}

/// Collects one reply.
#[derive(Default)]
pub struct Collector {
    replies: Replies,
    lines: Vec<Vec<u8>>,
    line: Vec<u8>,
    octets: usize,
}

impl Collector {
    /// Takes octets of `data` up to the end of the reply; None: it goes on.
    pub fn take(&mut self, data: &[u8]) -> (usize, Option<Result<Reply, Fault>>) {
        let mut taken = 0;
        while let Some(rest) = data.get(taken..).filter(|rest| !rest.is_empty()) {
            let (n, step) = self.replies.take(rest);
            self.line.extend_from_slice(rest.get(..n).unwrap_or_default());
            taken += n;
            self.octets += n;
            if self.octets > OCTETS || self.lines.len() >= LINES {
                return (taken, Some(Err(Fault::TooLong)));
            }
            let Some(step) = step else { break };
            self.lines.push(without_end(&std::mem::take(&mut self.line)).to_vec());
            match step {
                Step::Line => {}
                Step::Junk => return (taken, Some(Err(Fault::NoReply))),
                // A last line that refuses is a refusal, whatever stood before it.
                Step::Reply { code, alike } if alike || code.is_refusal() => {
                    let lines = std::mem::take(&mut self.lines);
                    self.octets = 0;
                    return (taken, Some(Ok(Reply { code, lines })));
                }
                Step::Reply { .. } => return (taken, Some(Err(Fault::Unlike))),
            }
        }
        (taken, None)
    }

    /// Whether some of the reply has come.
    pub fn has_begun(&self) -> bool {
        self.octets > 0
    }

    /// What came last, for the sentence about a fault or an end in the middle.
    pub fn last(&self) -> &[u8] {
        if self.line.is_empty() {
            self.lines.last().map_or(b"", Vec::as_slice)
        } else {
            without_end(&self.line)
        }
    }
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyword_is_a_whole_word_in_any_case_in_the_second_line_or_later() {
        let said = b"250-SIZE\r\n250-size 1000\r\n250-AUTH=PLAIN\r\n250-PIPELININGS\r\n250 8bitmime\r\n";
        let (_, reply) = Collector::default().take(said);
        let reply = reply.expect("a reply").expect("a good one");
        let found: Vec<_> = ["SIZE", "AUTH", "PIPELINING", "8BITMIME"].map(|word| reply.keyword(word)).into();
        assert_eq!(found, [Some(&b"size 1000"[..]), Some(b"AUTH=PLAIN"), None, Some(b"8bitmime")]);
    }
}
