//! The clear-text way to TLS, whatever a server says and however it is cut: the steps that are taken are those of a slow model,
//! and nothing but EHLO and STARTTLS is ever to be said.

use smtps_bridge::error::{Asked, Error, InClear};
use smtps_bridge::smtp::Code;
use smtps_bridge::starttls::{Next, Steps};

/// No segment has it: it stands between them.
const CUT: u8 = 0xff;

/// Design 7a, rule 5.
const OCTETS: usize = 16 * 1024;
const LINES: usize = 100;

pub fn run(data: &[u8]) {
    let (mut steps, mut model) = (Steps::default(), Model { asked: Asked::Greeting, reply: Vec::new() });
    let mut said = Vec::new();
    for segment in data.split(|octet| *octet == CUT).filter(|segment| !segment.is_empty()) {
        let (ours, theirs) = (steps.hear(segment), model.hear(segment));
        let same = match (&ours, &theirs) {
            (Ok(next), Ok(wanted)) => next == wanted,
            (Err(cause), Err(wanted)) => wanted.fits(cause),
            _ => false,
        };
        assert!(same, "{ours:?}, and the model says {theirs:?}, at {:?}", String::from_utf8_lossy(segment));
        match ours {
            Ok(Next::Reply) => {}
            Ok(next) => said.push(next),
            Err(cause) => {
                printable(cause);
                break;
            }
        }
        if said.last() == Some(&Next::Hello) {
            break;
        }
    }
    assert!([Next::Ehlo, Next::StartTls, Next::Hello].starts_with(&said), "{said:?}");
    assert!(steps.replies.len() <= 3 && steps.replies.len() >= said.len());
}

/// What goes to the log is escaped; the client reads at most a code of it.
fn printable(cause: InClear) {
    let plain = |text: &str| text.bytes().all(|octet| (0x20..=0x7e).contains(&octet));
    assert!(cause.said().is_none_or(|said| plain(said.whole())), "{cause:?}");
    let error = Error::InClear(cause);
    assert!(plain(&error.to_string()) && error.status().starts_with("4."), "promise 1: {error}");
}

/// Why the way ends, as far as the model distinguishes causes.
#[derive(Debug)]
enum End {
    Refused(Asked, u16),
    NotOffered,
    TextBehind(Asked),
    NoReply,
}

impl End {
    fn fits(&self, cause: &InClear) -> bool {
        match (self, cause) {
            (End::Refused(asked, code), InClear::Refused { asked: theirs, code: said, .. }) => {
                asked == theirs && said.to_string() == code.to_string()
            }
            (End::TextBehind(asked), InClear::TextBehind { asked: theirs, .. }) => asked == theirs,
            (End::NotOffered, InClear::NotOffered { .. }) => true,
            (End::NoReply, InClear::NotSmtp { .. } | InClear::ImplicitTls) => true,
            _ => false,
        }
    }
}

/// Looks at all octets of the reply again with each one that comes.
struct Model {
    asked: Asked,
    reply: Vec<u8>,
}

/// A reply's code and its lines.
type Whole = (u16, Vec<Vec<u8>>);

impl Model {
    fn hear(&mut self, segment: &[u8]) -> Result<Next, End> {
        // A line that goes on is looked at when it is complete, or too long.
        for (at, octet) in segment.iter().enumerate() {
            self.reply.push(*octet);
            if *octet != b'\n' {
                continue;
            }
            let Some((code, lines)) = self.complete()? else { continue };
            self.reply.clear();
            if at + 1 < segment.len() {
                return Err(End::TextBehind(self.asked));
            }
            return self.next(code, &lines);
        }
        let begins_like_tls = self.reply.first().is_some_and(|first| (20..=24).contains(first));
        let lines = self.reply.iter().filter(|octet| **octet == b'\n').count();
        let unfinished = self.reply.last() != Some(&b'\n');
        if begins_like_tls || self.reply.len() > OCTETS || (unfinished && lines >= LINES) {
            return Err(End::NoReply);
        }
        Ok(Next::Reply)
    }

    /// The code and the lines of a reply that is all there.
    fn complete(&self) -> Result<Option<Whole>, End> {
        let lines: Vec<Vec<u8>> = self.reply.split_inclusive(|octet| *octet == b'\n').map(bare).collect();
        if self.reply.len() > OCTETS || lines.len() > LINES {
            return Err(End::NoReply);
        }
        let read: Vec<Option<(u16, bool)>> = lines.iter().map(|line| code(line)).collect();
        let Some(Some((last, ends))) = read.last().copied() else { return Err(End::NoReply) };
        if !ends {
            return Ok(None);
        }
        let alike = read.iter().all(|line| line.is_some_and(|(code, _)| code == last));
        if alike || (400..600).contains(&last) {
            Ok(Some((last, lines)))
        } else {
            Err(End::NoReply)
        }
    }

    fn next(&mut self, code: u16, lines: &[Vec<u8>]) -> Result<Next, End> {
        let offered = lines.iter().skip(1).any(|line| {
            let line = String::from_utf8_lossy(line).into_owned();
            let word = line.get(4..).unwrap_or_default();
            let word = word.split([' ', '=', '\t']).next().unwrap_or_default();
            word.eq_ignore_ascii_case("starttls")
        });
        let is = |wanted: Code| wanted.to_string() == code.to_string();
        let (asked, next) = match self.asked {
            Asked::Greeting if is(Code::READY) => (Asked::Ehlo, Next::Ehlo),
            Asked::Ehlo if is(Code::OK) && offered => (Asked::StartTls, Next::StartTls),
            Asked::Ehlo if is(Code::OK) => return Err(End::NotOffered),
            Asked::StartTls if is(Code::READY) => return Ok(Next::Hello),
            asked => return Err(End::Refused(asked, code)),
        };
        self.asked = asked;
        Ok(next)
    }
}

fn bare(line: &[u8]) -> Vec<u8> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line).to_vec()
}

/// A line's code, and whether the reply ends with it.
fn code(line: &[u8]) -> Option<(u16, bool)> {
    let (digits, behind) = line.split_at_checked(3)?;
    let good = !line.contains(&0)
        && (b'2'..=b'5').contains(&digits[0])
        && digits.iter().all(u8::is_ascii_digit)
        && matches!(behind.first(), None | Some(b' ' | b'-'));
    let code = std::str::from_utf8(digits).ok()?.parse().ok()?;
    good.then_some((code, behind.first() != Some(&b'-')))
}
