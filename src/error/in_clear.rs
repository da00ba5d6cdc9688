//! What ends the clear-text way to the handshake (`--starttls`). What a server says there is not authenticated: its words
//! go to the log, behind `clear=`, and no further; the reply to the client has at most their code.

use super::sentence::THAT_PORT;
use super::{Elsewhere, Seen, Sentence};
use crate::exit::Exit;
use crate::smtp::Code;
use crate::text::Foreign;

/// Whose reply it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asked {
    #[default]
    Greeting,
    Ehlo,
    StartTls,
}

/// `said`: the server's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InClear {
    /// A server on a port of implicit TLS waits for our hello. `seconds`: how long it was given.
    NoGreeting {
        seconds: u64,
    },
    /// A reply with another code than the one that lets us go on.
    Refused {
        asked: Asked,
        code: Code,
        said: Foreign,
    },
    NotOffered {
        said: Foreign,
    },
    /// `said`: what stood behind the reply.
    TextBehind {
        asked: Asked,
        said: Foreign,
    },
    NotSmtp {
        said: Foreign,
    },
    ImplicitTls,
    /// What came behind the 220 is not TLS.
    NotTls {
        said: Foreign,
    },
}

impl InClear {
    pub fn is_answer(&self) -> bool {
        !matches!(self, InClear::NoGreeting { .. })
    }

    /// For the log alone.
    pub fn said(&self) -> Option<&Foreign> {
        match self {
            InClear::Refused { said, .. }
            | InClear::NotOffered { said }
            | InClear::TextBehind { said, .. }
            | InClear::NotSmtp { said }
            | InClear::NotTls { said } => Some(said),
            InClear::NoGreeting { .. } | InClear::ImplicitTls => None,
        }
    }

    pub fn row(&self) -> (Exit, &'static str) {
        match self {
            InClear::NoGreeting { .. } => (Exit::TempFail, "4.4.2"),
            InClear::Refused { asked: Asked::StartTls, code, .. } if code.class() != 4 => (Exit::Protocol, "4.7.5"),
            InClear::Refused { .. } => (Exit::TempFail, "4.3.2"),
            InClear::NotOffered { .. }
            | InClear::TextBehind { .. }
            | InClear::NotSmtp { .. }
            | InClear::ImplicitTls
            | InClear::NotTls { .. } => (Exit::Protocol, "4.7.5"),
        }
    }

    pub fn sentence(&self, seen: Seen) -> Sentence {
        let between = "ask the server's administrator; maybe somebody in between";
        let on_465 = matches!(seen.other_port, Some((_, Elsewhere::ImplicitTls)));
        match self {
            InClear::NoGreeting { seconds } if on_465 => {
                Sentence::new(format!("no greeting within {seconds} s, but 465 speaks implicit TLS"), THAT_PORT)
            }
            InClear::NotOffered { .. } if on_465 => {
                Sentence::new("the server does not offer STARTTLS, but 465 speaks implicit TLS", THAT_PORT)
            }
            InClear::NoGreeting { seconds } => Sentence::new(
                format!("no greeting within {seconds} s"),
                "if this port is for implicit TLS, leave out --starttls, but name this port",
            )
            .more("see --setup-timeout"),
            InClear::Refused { asked, code, .. } => {
                let cause = match asked {
                    Asked::Greeting => "the server turned us away before TLS",
                    Asked::Ehlo => "the server refused our EHLO before TLS",
                    Asked::StartTls => "the server refused STARTTLS",
                };
                let later = code.class() == 4;
                let cure = if later { "trying again later may help" } else { "ask the server's administrator why" };
                Sentence::new(cause, cure).detail(format!("code {code}"))
            }
            InClear::NotOffered { .. } => Sentence::new(
                "the server does not offer STARTTLS",
                "ask the server's administrator; maybe somebody in between removes it",
            ),
            InClear::TextBehind { asked, .. } => {
                let what = match asked {
                    Asked::Greeting => "greeting",
                    Asked::Ehlo => "reply to EHLO",
                    Asked::StartTls => "reply to STARTTLS",
                };
                Sentence::new(format!("text behind the {what}"), between)
            }
            InClear::NotSmtp { .. } => {
                Sentence::new("this is not SMTP", "correct the port").more("maybe somebody in between answers")
            }
            InClear::ImplicitTls => {
                Sentence::new("this port is for implicit TLS", "leave out --starttls, but name this port")
            }
            InClear::NotTls { .. } => Sentence::new("text instead of TLS behind the reply to STARTTLS", between),
        }
    }
}
