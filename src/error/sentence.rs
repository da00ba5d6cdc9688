//! The sentence of each cause: what is wrong, then who does what. A reply has little room: the cure is never cut.

use std::fmt;
use std::io;
use std::net::IpAddr;

use nix::errno::Errno;

use super::{Elsewhere, Error, Failure, Heard, Seen, Stage};
use crate::text::{cut, errno_text};

/// `cause (detail); cure; more`.
#[derive(Clone, Debug)]
pub struct Sentence {
    pub cause: String,
    /// Cut, or left out, if there is no room for it.
    pub detail: String,
    between: &'static str,
    /// Together with `cause` it fits every reply.
    pub cure: String,
    /// Left out if there is no room for it.
    pub more: String,
}

/// In a log line and in the report; a reply has less room.
const LONGEST: usize = 480;

/// A detail that is cut shorter says nothing.
const SHORTEST_DETAIL: usize = 12;

impl Sentence {
    pub fn new(cause: impl Into<String>, cure: impl Into<String>) -> Sentence {
        let (cause, cure) = (cause.into(), cure.into());
        Sentence { cause, detail: String::new(), between: "; ", cure, more: String::new() }
    }

    pub fn detail(self, detail: impl Into<String>) -> Sentence {
        Sentence { detail: detail.into(), ..self }
    }

    /// Another cure.
    pub fn cure(self, cure: impl Into<String>) -> Sentence {
        Sentence { cure: cure.into(), ..self }
    }

    pub fn more(self, more: impl Into<String>) -> Sentence {
        Sentence { more: more.into(), ..self }
    }

    /// As `WORD: what is wrong with it`: a long word is cut, and never the words about it.
    fn about_a_word(text: &str) -> Sentence {
        match text.split_once(": ") {
            Some((word, rest)) => Sentence { between: ": ", ..Sentence::new(word, rest) },
            None => Sentence::new(text, ""),
        }
    }

    pub fn without_cure(&self) -> String {
        Sentence { cure: String::new(), more: String::new(), ..self.clone() }.to_string()
    }

    /// In at most `room` octets.
    pub fn within(&self, room: usize) -> String {
        let cure = joined(self.between, &self.cure);
        let mut text = cut(&self.cause, room.saturating_sub(cure.len()));
        let left = |text: &str| room.saturating_sub(text.len() + cure.len());
        if !self.detail.is_empty() && left(&text) >= SHORTEST_DETAIL.min(self.detail.len()) + " ()".len() {
            text = format!("{text} ({})", cut(&self.detail, left(&text) - " ()".len()));
        }
        let more = joined(if cure.ends_with('?') { " " } else { "; " }, &self.more);
        let more = if left(&text) >= more.len() { more } else { String::new() };
        cut(&(text + &cure + &more), room)
    }
}

fn joined(between: &str, part: &str) -> String {
    if part.is_empty() {
        String::new()
    } else {
        format!("{between}{part}")
    }
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.within(LONGEST))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.sentence(Seen::default()).fmt(f)
    }
}

impl Failure {
    /// For the client, behind the server name: without a local path, and with HOST if that is another name.
    pub fn reply(&self, room: usize) -> String {
        let mut sentence = match &self.error {
            Error::Unusable { role, problem, .. } => Sentence { between: ": ", ..Sentence::new(*role, problem) },
            Error::Usage(text) => {
                let words: Vec<String> = text.split(' ').map(without_path).collect();
                Sentence::about_a_word(&words.join(" "))
            }
            other => other.sentence(Seen::default()),
        };
        if let (Stage::Resolve, Some(host)) = (self.error.stage(), &self.host) {
            if self.server_name.as_deref() != Some(host.trim_end_matches('.')) {
                sentence.detail = format!("HOST is {host}");
            }
        }
        sentence.within(room)
    }
}

/// A value that is a path although none belongs there. Networks and pins have slashes too, and so has a file that every
/// machine has.
fn without_path(word: &str) -> String {
    let bare = word.trim_end_matches([':', ';', ',']);
    let network = bare.split_once('/').is_some_and(|(address, length)| {
        length.parse::<u8>().is_ok() && (address.is_empty() || address.parse::<IpAddr>().is_ok())
    });
    if bare.contains('/') && !network && !bare.starts_with("sha256//") && bare != "/etc/services" {
        word.replacen(bare, "(path)", 1)
    } else {
        word.to_owned()
    }
}

/// That of implicit TLS, if the report has seen it.
pub const THAT_PORT: &str = "use that port, without --starttls";

const ITS_LOG: &str = "ask the server's administrator for its log";

impl Error {
    /// No sentence contains HOST: it stands before each, in the reply, the log line and the report.
    pub fn sentence(&self, seen: Seen) -> Sentence {
        match self {
            Error::Usage(text) => Sentence::about_a_word(text),
            Error::Rights(text) => Sentence::new(text, ""),
            Error::Unusable { role, object, problem } => {
                Sentence { between: ": ", ..Sentence::new(format!("{role} {object}"), problem) }
            }
            Error::Descriptor(problem) => Sentence::new(*problem, ""),
            Error::Stranger { client } => Sentence::new(
                format!("client {client} is not on this machine"),
                "add --allow-from for it if it may send mail",
            ),
            Error::OutOf { source, .. } => out_of(source),
            Error::Terminated { .. } => {
                Sentence::new("told to end (SIGTERM) before the session began", "try again later")
            }

            Error::NoSuchName => Sentence::new("no such name", "is HOST spelled right?"),
            Error::NoAddress { family: "IPv4" } => {
                Sentence::new("no IPv4 address", "leave out -4, which asks for IPv4 only")
            }
            Error::NoAddress { family: "IPv6" } => {
                Sentence::new("no IPv6 address", "leave out -6, which asks for IPv6 only")
            }
            Error::NoAddress { family } => {
                Sentence::new(format!("no {family} address"), "if HOST is a mail domain, name its smarthost instead")
            }
            Error::Blocked => Sentence::new(
                "this machine's resolver blocks the name",
                "ask the resolver's administrator to let it through",
            )
            .detail("its address is 0.0.0.0 or ::"),
            Error::ResolverFailed { problem } => {
                Sentence::new("the name lookup failed", "does this machine's resolver work?").detail(problem)
            }
            Error::ResolverSilent { seconds } => {
                let cause = format!("the name lookup got no answer within {seconds} s");
                Sentence::new(cause, "does this machine's resolver work?").more("see --setup-timeout")
            }

            Error::Refused { port } => nobody("connection refused", *port, "is its mail server running?", seen),
            Error::ConnectTimeout { port } => nobody("no answer", *port, "does a firewall drop what we send?", seen),
            Error::NoInterface { name } => {
                let cause = format!("this machine has no network interface {name:.20}");
                Sentence::new(cause, "correct the zone of HOST, the part behind %")
            }
            Error::Unreachable { problem } => {
                Sentence::new("unreachable", "check this machine's network, and any firewall in between")
                    .detail(problem)
            }
            Error::NoRoute { family: "IPv6" } => Sentence::new(
                "unreachable, because this machine has no IPv6 route",
                "set up IPv6 here, or name a smarthost that has IPv4",
            ),
            Error::NoRoute { family } => {
                Sentence::new(format!("unreachable, because this machine has no {family} route"), "is its network up?")
            }

            Error::InClear(cause) => cause.sentence(seen),
            Error::Closed { stage: Stage::Handshake, heard: Heard::Nothing }
            | Error::Reset { stage: Stage::Handshake, heard: Heard::Nothing } => Sentence::new(
                "the server ended the connection before our TLS hello",
                "ask its administrator whether it refuses this machine",
            ),
            Error::Closed { stage, .. } => {
                Sentence::new(format!("the server closed the connection {}", during(*stage)), ITS_LOG)
            }
            Error::Reset { stage, .. } => {
                Sentence::new(format!("the server reset the connection {}", during(*stage)), ITS_LOG)
            }
            Error::Silent { stage: Stage::Relay, seconds, .. } => {
                Sentence::new(format!("no reply within {seconds} s"), ITS_LOG)
            }
            Error::Silent { stage, port, seconds } => {
                let cause = match stage {
                    Stage::Handshake => format!("TLS handshake not done within {seconds} s"),
                    Stage::Greeting => format!("no greeting within {seconds} s"),
                    _ => format!("no reply within {seconds} s"),
                };
                let more = if is_usual(*port) { "" } else { "is the port right?" };
                Sentence::new(cause, "ask the server's administrator, or give it longer with --setup-timeout")
                    .more(more)
            }
            Error::Turned { line, .. } => {
                let later = line.whole().starts_with('4');
                let cure = if later { "trying again later may help" } else { "ask the server's administrator why" };
                Sentence::new("the smarthost turned us away", cure).detail(line.to_string())
            }
            Error::NotSmtp { line, .. } => {
                Sentence::new("this is not SMTP", "is the port right?").detail(line.to_string())
            }

            Error::Certificate { fault, facts } => fault.sentence(facts),
            Error::Tls { stage, trouble, facts } => trouble.sentence(*stage, facts, seen),
        }
    }
}

fn out_of(source: &io::Error) -> Sentence {
    let (cause, cure) = match source.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOMEM | Errno::ENOBUFS) => {
            ("out of memory", "give this machine or its superserver more, or lower its number of sessions")
        }
        // EAGAIN: no thread can be started (pthread_create(3)).
        None | Some(Errno::EMFILE | Errno::ENFILE | Errno::EAGAIN) => {
            ("out of descriptors or threads", "raise the superserver's limits, or lower its number of sessions")
        }
        Some(_) => {
            ("the system refuses what a session needs", "does a filter of system calls or a container forbid it?")
        }
    };
    Sentence::new(cause, cure).detail(errno_text(source))
}

/// A port on which nothing answers, and what the report has seen on the other one.
fn nobody(cause: &str, port: u16, question: &str, seen: Seen) -> Sentence {
    let cause = format!("{cause} on port {port}");
    let cure = format!("is HOST right, and {question}");
    match seen.other_port {
        Some((other, Elsewhere::StartTls)) => {
            Sentence::new(format!("{cause}, but {other} offers STARTTLS"), "use that port, with --starttls")
        }
        Some((other, Elsewhere::Plain)) => Sentence::new(
            format!("{cause}, and {other} has no TLS"),
            "ask the server's administrator for a port with TLS",
        ),
        Some((other, Elsewhere::ImplicitTls)) => {
            Sentence::new(format!("{cause}, but {other} speaks implicit TLS"), THAT_PORT)
        }
        Some((other, Elsewhere::Refused)) => Sentence::new(format!("{cause}, and refused on {other}"), cure),
        Some((other, Elsewhere::Silent)) => Sentence::new(format!("{cause}, and {other} is silent"), cure),
        Some((other, Elsewhere::Other)) => {
            Sentence::new(cause, format!("see what port {other} says, and ask the server's administrator"))
        }
        None if port == 465 => Sentence::new(cause, cure).more("if it has only port 587, use --starttls"),
        None if is_usual(port) => Sentence::new(cause, cure),
        None => Sentence::new(cause, format!("are HOST and the port right, and {question}")),
    }
}

/// A port of mail servers: smtp, submissions, submission.
fn is_usual(port: u16) -> bool {
    matches!(port, 25 | 465 | 587)
}

pub fn during(stage: Stage) -> &'static str {
    match stage {
        Stage::StartTls => "before TLS",
        Stage::Handshake => "during the TLS handshake",
        Stage::Arguments | Stage::Resolve | Stage::Connect | Stage::Greeting => "before its greeting",
        Stage::Relay | Stage::Close => "during the session",
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// A bug that was: every refusal of the system was "out of descriptors or threads".
    #[test]
    fn what_there_is_none_of_is_told_by_its_name() {
        for (errno, words) in [
            (Errno::EMFILE, "out of descriptors or threads"),
            (Errno::EAGAIN, "out of descriptors or threads"),
            (Errno::ENOMEM, "out of memory"),
            (Errno::EINVAL, "the system refuses what a session needs"),
            (Errno::EPERM, "the system refuses what a session needs"),
        ] {
            let source = io::Error::from(errno);
            let sentence = Error::OutOf { stage: Stage::Relay, source }.to_string();
            assert!(sentence.starts_with(words), "{errno}: {sentence}");
        }
    }

    #[test]
    fn what_there_is_no_room_for_is_left_out_before_the_cure_is() {
        let sentence = Sentence::new("it broke", "mend it").detail("in the middle of it").more("or buy one");
        assert_eq!(sentence.to_string(), "it broke (in the middle of it); mend it; or buy one");
        assert_eq!(sentence.within(39), "it broke (in the middle of it); mend it");
        assert_eq!(sentence.within(35), "it broke (in the middl...); mend it");
        assert_eq!(sentence.within(30), "it broke; mend it; or buy one");
        assert_eq!(sentence.within(17), "it broke; mend it");
        assert_eq!(sentence.within(14), "it...; mend it");
    }
}
