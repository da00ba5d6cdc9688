//! What is wrong with a TLS handshake, certificates apart.

use super::sentence::{during, THAT_PORT};
use super::{Elsewhere, Facts, NamedBy, OnHello, OwnFault, Seen, Sentence, Stage};
use crate::text::Foreign;

#[derive(Clone, Debug)]
pub enum Trouble {
    /// The only answer to our hello was the server's end, a reset or silence.
    ClosedOnHello,
    ResetOnHello,
    SilentOnHello {
        seconds: u64,
    },
    /// What was said is not TLS: its first line, which is not authenticated (`Error::clear`).
    Clear {
        what: Clear,
        line: Foreign,
    },
    OldTls,
    /// In words.
    NothingInCommon {
        how: String,
    },
    /// The server has no certificate for the name that we sent, or wants one.
    UnknownName {
        alert: String,
    },
    /// An alert that can only be about the certificate that we sent, or did not send.
    OurCertificate {
        alert: String,
    },
    Alert {
        alert: String,
    },
    /// rustls reads no larger one, and nothing else that a server says is large.
    TooLarge,
    /// In words.
    BreaksRules {
        how: String,
    },
    /// The connection, in the system's words.
    Broken {
        how: String,
    },
}

/// What there is in place of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clear {
    /// A reply of 4yz or 5yz: a busy Exim says so before TLS, also on a port of implicit TLS. Its first digit.
    TurnedAway {
        later: bool,
    },
    Smtp,
    Named(&'static str),
    Something,
}

impl Trouble {
    pub fn sentence(&self, stage: Stage, facts: &Facts, seen: Seen) -> Sentence {
        let ask = |what: &str| format!("ask the server's administrator {what}");
        match self {
            Trouble::ClosedOnHello => on_hello("the connection was closed at our TLS hello", facts, seen),
            Trouble::ResetOnHello => on_hello("the connection was reset at our TLS hello", facts, seen),
            Trouble::SilentOnHello { seconds } => {
                on_hello(&format!("no answer to our TLS hello within {seconds} s"), facts, seen)
            }
            Trouble::Clear { what, line } => clear(*what, line, facts, seen),
            Trouble::OldTls if facts.given.min_tls => Sentence::new(
                "the server has only TLS 1.2 or older",
                "ask the server's administrator for TLS 1.3, or leave out --min-tls",
            ),
            Trouble::OldTls => {
                Sentence::new("the server has only TLS 1.1 or older, which is not safe", ask("to allow TLS 1.2 or 1.3"))
            }
            // It refused the hello because it has no server name.
            Trouble::NothingInCommon { how } if facts.is_address && facts.version.is_none() => {
                Sentence::new("the server refused our TLS hello", facts.no_sni()).detail(how)
            }
            Trouble::NothingInCommon { how } => {
                Sentence::new("no cipher or key exchange in common", in_common(facts)).detail(how)
            }
            Trouble::UnknownName { alert } if facts.is_address => {
                Sentence::new("the server wants a name (SNI)", facts.no_sni()).detail(told(alert))
            }
            Trouble::UnknownName { alert } => {
                let cure = match facts.named_by {
                    NamedBy::Host => "correct HOST, or ask the server's administrator",
                    NamedBy::Option => "correct --server-name, or ask the server's administrator",
                };
                Sentence::new("the server does not know this name", cure).detail(told(alert))
            }
            Trouble::OurCertificate { alert } if facts.given.cert => {
                let refuses = "the server refuses our client certificate";
                match &facts.identity {
                    Some(OwnFault::Expired(on)) => {
                        let today = &facts.today;
                        let cause = format!("the server refuses our certificate, expired on {on}, today is {today}");
                        Sentence::new(cause, "ask its issuer for a new one")
                    }
                    Some(OwnFault::NotForClients) => {
                        Sentence::new(format!("{refuses}, which is not for clients"), "ask its issuer for one that is")
                    }
                    None => Sentence::new(refuses, ask("which one it expects")),
                }
                .detail(told(alert))
            }
            Trouble::OurCertificate { alert } => {
                Sentence::new("the server wants a client certificate", ask("for one, then use --cert and --key"))
                    .detail(told(alert))
            }
            Trouble::Alert { alert } if facts.is_address && facts.version.is_none() => {
                Sentence::new("the server refused our TLS hello", facts.no_sni()).detail(told(alert))
            }
            Trouble::Alert { alert } => {
                let cause = format!("the server ended TLS with the alert {alert}");
                Sentence::new(cause, ask("for its log"))
            }
            Trouble::TooLarge => {
                Sentence::new("the server sends a message of 64 kB or more", ask("to send its own chain and no more"))
                    .more("or a certificate with fewer names")
            }
            Trouble::BreaksRules { how } => Sentence::new(
                format!("what comes {} is not valid TLS", during(stage)),
                "ask the server's administrator; maybe somebody in between",
            )
            .detail(how),
            Trouble::Broken { how } => {
                Sentence::new(format!("the connection broke {}", during(stage)), ask("for its log")).detail(how)
            }
        }
    }
}

fn told(alert: &str) -> String {
    format!("alert {alert}")
}

/// No obstacle is named that was not tried.
fn on_hello(cause: &str, facts: &Facts, seen: Seen) -> Sentence {
    let sentence = |cure: &str| Sentence::new(cause, cure);
    match (seen.on_hello, seen.other_port) {
        (Some(OnHello::MlKemInTheWay), _) if !facts.given.no_pq => {
            sentence("use --no-pq until the middlebox in between is repaired").detail("one without ML-KEM is answered")
        }
        (Some(OnHello::LargePacketsLost), _) => {
            sentence("ask your network's administrator why large packets are lost (MTU)")
                .detail("in small packets it is answered")
                .more("large mails would be lost, too")
        }
        (Some(OnHello::ComesAndGoes), _) => sentence("trying again later may help").detail("the next one was answered"),
        (Some(OnHello::EndsUnasked), _) => Sentence::new(
            "the server ends the connection before our TLS hello",
            "ask its administrator whether it refuses this machine",
        ),
        (_, Some((port, Elsewhere::ImplicitTls))) => {
            Sentence::new(format!("{cause}, but {port} speaks implicit TLS"), THAT_PORT)
        }
        (tried, other) => {
            let cure = if let Some((_, Elsewhere::StartTls)) = other {
                "use --starttls with port 587, which offers it"
            } else if seen.in_report {
                "ask the server's administrator, or that of a firewall in between"
            } else {
                "on this machine, run smtps-bridge --check with this HOST"
            };
            sentence(cure)
                .detail(if tried == Some(OnHello::Never) { "without ML-KEM too" } else { "" })
                .more(if facts.is_address { facts.no_sni() } else { "" })
        }
    }
}

fn in_common(facts: &Facts) -> &'static str {
    if facts.given.no_pq {
        "leave out --no-pq, or ask the server's administrator for X25519"
    } else if facts.given.min_tls {
        "leave out --min-tls, or ask the server's administrator for TLS 1.3"
    } else {
        "ask the server's administrator for ECDHE with AES-GCM and X25519"
    }
}

/// Not a word of it is quoted, because an attacker must not write into an administrator's queue. The log has it.
fn clear(what: Clear, line: &Foreign, facts: &Facts, seen: Seen) -> Sentence {
    let on_465 = facts.port == 465;
    let seen_on_465 = matches!(seen.other_port, Some((_, Elsewhere::ImplicitTls)));
    match what {
        Clear::TurnedAway { later } => {
            let cure = if later { "trying again later may help" } else { "ask the server's administrator why" };
            let code = format!("code {:.3}", line.whole());
            Sentence::new("the server turned us away before TLS", cure).detail(code)
        }
        Clear::Smtp => {
            let cure = match seen.other_port {
                _ if seen_on_465 => "leave out the port, because 465 speaks implicit TLS",
                Some((587, Elsewhere::StartTls)) => "use --starttls with port 587, which offers it",
                _ if on_465 => "try --starttls HOST:465",
                Some(_) => "try --starttls",
                None => "try --starttls, or port 465 for implicit TLS",
            };
            Sentence::new("plain SMTP instead of TLS, so this port is for STARTTLS", cure)
        }
        Clear::Named(_) | Clear::Something => {
            let protocol = if let Clear::Named(protocol) = what { protocol } else { "something" };
            let cause = format!("{protocol} instead of TLS");
            let portal = "maybe somebody in between answers, as a captive portal does";
            if seen_on_465 {
                Sentence::new(cause, "leave out the port, because 465 speaks implicit TLS")
            } else if on_465 || seen.other_port.is_some() {
                Sentence::new(cause, format!("correct HOST; {portal}"))
            } else {
                Sentence::new(cause, "correct the port, as that of implicit TLS is usually 465").more(portal)
            }
        }
    }
}
