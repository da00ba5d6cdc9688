//! The sentence of each cause: what is wrong, the likely reason, the cure.

use std::fmt;
use std::net::IpAddr;

use nix::errno::Errno;

use crate::crypto::POST_QUANTUM;

use super::{Error, Heard, Issuer, Sent, Stage};

impl Error {
    /// The sentence for the client: as for the log, without a local path.
    pub fn reply(&self) -> String {
        match self {
            Error::Unusable { role, problem, .. } => format!("{role}: {problem}"),
            Error::Usage(sentence) => sentence.split(' ').map(without_path).collect::<Vec<_>>().join(" "),
            other => other.to_string(),
        }
    }
}

/// A hello without ML-KEM fits one segment.
const SMALLER: &str = match POST_QUANTUM {
    true => ": if it is old or behind a middlebox, try --no-pq",
    false => ": is it old, or behind a middlebox?",
};

const NEEDED_KEY: &str = "it needs RSA of 2048 to 8192 bits, or ECDSA";

/// A value that is a path although none belongs there. Networks and pins have slashes too, and a file that everybody has.
fn without_path(word: &str) -> String {
    let bare = word.trim_end_matches([':', ';', ',']);
    let network = bare.split_once('/').is_some_and(|(address, length)| {
        length.parse::<u8>().is_ok() && (address.is_empty() || address.parse::<IpAddr>().is_ok())
    });
    match bare.contains('/') && !network && !bare.starts_with("sha256//") && bare != "/etc/services" {
        true => word.replacen(bare, "(path)", 1),
        false => word.to_owned(),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Error::Usage(sentence) | Error::Rights(sentence) => f.write_str(sentence),
            Error::Unusable { role, object, problem } => write!(f, "{role} {object}: {problem}"),
            Error::Descriptor(problem) => f.write_str(problem),
            Error::Stranger { client } => {
                write!(f, "client {client} is not on this machine and no --allow-from names it")
            }
            Error::OutOf { source, .. } => match source.raw_os_error().map(Errno::from_raw) {
                Some(Errno::ENOMEM | Errno::ENOBUFS) => {
                    write!(f, "out of memory ({source}): give this machine or its superserver more, or lower its number of sessions")
                }
                // A thread that cannot be had is EAGAIN (pthread_create(3)).
                None | Some(Errno::EMFILE | Errno::ENFILE | Errno::EAGAIN) => {
                    write!(f, "out of descriptors or threads ({source}): raise the superserver's limits, or lower its number of sessions")
                }
                Some(_) => {
                    write!(f, "the system refuses what a session needs ({source}): does a filter of system calls or a container forbid it?")
                }
            },
            Error::Terminated { .. } => f.write_str("told to end (SIGTERM) before the session began; try again later"),

            Error::NoSuchName { host } => write!(f, "no such name: {host}; is it spelled right?"),
            Error::NoAddress { host, family: family @ ("IPv4" | "IPv6") } => {
                write!(f, "{host} has no {family} address: leave out what asks for {family} only")
            }
            Error::NoAddress { host, family } => {
                write!(f, "{host} has no {family} address: is it a mail domain? name its smarthost instead")
            }
            Error::ResolverFailed { host, problem } => {
                write!(f, "the name lookup for {host} failed: {problem}; does this machine's resolver work?")
            }
            Error::ResolverSilent { host, seconds } => write!(
                f,
                "the name lookup for {host} got no answer within {seconds} s (see --setup-timeout); does this machine's \
                 resolver work?"
            ),

            Error::RefusedBoth => f.write_str("connection refused on port 465, and on 587 too: is HOST right, and is its mail server running?"),
            Error::Refused { port } => write!(f, "connection refused{}", only_587(*port)),
            Error::Unreachable { problem } => write!(f, "unreachable: {problem}"),
            Error::NoRoute { family: "IPv6" } => {
                f.write_str("unreachable: this machine has no IPv6 route; no harm where IPv4 works, and -4 leaves it out")
            }
            Error::NoRoute { family } => {
                write!(f, "unreachable: this machine has no {family} route: is its network up?")
            }
            Error::ConnectTimeout { port } => {
                write!(f, "no answer{}; a firewall may drop it", only_587(*port))
            }

            Error::Closed { stage: Stage::Handshake, heard: Heard::Nothing } => {
                write!(f, "the server closed on our hello{SMALLER}")
            }
            Error::Closed { stage, .. } => {
                write!(f, "the server closed the connection {}", before(*stage))
            }
            Error::Reset { stage: Stage::Handshake, heard: Heard::Nothing } => {
                write!(f, "the server reset the connection on our hello{SMALLER}")
            }
            Error::Reset { stage, .. } => write!(f, "the server reset the connection {}", before(*stage)),
            Error::Silent { stage, seconds } => {
                let what = match stage {
                    Stage::Handshake => "finish the TLS handshake",
                    Stage::Greeting => "send its greeting",
                    Stage::Arguments | Stage::Resolve | Stage::Connect | Stage::Relay | Stage::Close => "answer",
                };
                write!(f, "the server was silent or slow: it did not {what} within {seconds} s (see --setup-timeout)")?;
                match stage {
                    Stage::Handshake if POST_QUANTUM => f.write_str("; is the port right? behind a middlebox try --no-pq"),
                    Stage::Handshake => f.write_str("; is the port right?"),
                    _ => Ok(()),
                }
            }
            Error::NotSmtp { line, .. } => write!(f, "this is not SMTP ({line}): is the port right?"),
            Error::Turned { line, .. } => write!(f, "the smarthost turned us away ({line})"),

            Error::Expired { not_after } => {
                write!(f, "certificate expired on {not_after}: its administrator must renew it (or this machine's clock is wrong)")
            }
            Error::NotYetValid { not_before } => {
                write!(f, "certificate not valid before {not_before}: is this machine's clock right?")
            }
            Error::WrongName { wanted, names, more } => {
                let more = if *more > 0 { format!(" and {more} more") } else { String::new() };
                match names.as_slice() {
                    [] => write!(
                        f,
                        "certificate is not for {wanted}, nor for any other name or address: its administrator must \
                         put one into it, or confirm its key for --pin-only"
                    ),
                    names => write!(
                        f,
                        "certificate is not for {wanted} but for {}{more}: is HOST right? if this is the server you \
                         mean, give that name as --server-name",
                        names.join(", ")
                    ),
                }
            }
            // No pin here: whoever sits between us and the smarthost would be trusted by a paste. `--check` shows it.
            Error::UnknownIssuer { issuer: Some(Issuer::Missing(name)), anchors } => write!(
                f,
                "certificate from an unknown issuer, {name}, which was not sent: the server must send its whole \
                 chain, or use --ca-file with that CA (not one of {anchors})"
            ),
            Error::UnknownIssuer { issuer: Some(Issuer::Sent(name)), anchors } => {
                write!(f, "certificate from an unknown issuer, {name} (not one of {anchors}): use --ca-file with that CA")
            }
            Error::UnknownIssuer { issuer: Some(Issuer::Itself), anchors } => write!(
                f,
                "certificate from an unknown issuer, itself (not one of {anchors}): use --ca-file with this certificate, \
                 or --pin-only"
            ),
            Error::UnknownIssuer { issuer: Some(Issuer::Namesake(name)), anchors } => write!(
                f,
                "certificate from an unknown issuer: it names {name}, whom we know, most likely with another key \
                 (not one of {anchors}): has that CA a newer certificate?"
            ),
            Error::UnknownIssuer { issuer: Some(Issuer::Weak { name, bits }), .. } => write!(
                f,
                "the key of the certificate's CA, {name}, cannot be used (RSA of {bits} bits): {NEEDED_KEY}"
            ),
            Error::UnknownIssuer { issuer: None, anchors } => {
                write!(f, "certificate from an unknown issuer (not one of {anchors}): use --ca-file with its CA")
            }
            Error::CaAsServer { key: Some(pin) } => {
                write!(f, "a CA certificate used as a server certificate: if its administrator confirms the key, --pin-only {pin}")
            }
            Error::CaAsServer { key: None } => {
                f.write_str("a CA certificate used as a server certificate: use --pin-only")
            }
            Error::PinMismatch { presented: Some(pin) } => {
                write!(f, "the server's key is not the pinned one: it is {pin}; ask its administrator before you trust it")
            }
            Error::PinMismatch { presented: None } => {
                f.write_str("the server's key is not the pinned one, and its certificate cannot be read")
            }
            Error::VersionOne => f.write_str(
                "an X.509 version 1 certificate works with TLS 1.3 and --pin-only alone, and this server speaks TLS 1.2",
            ),
            Error::WeakKey { problem } => {
                write!(f, "the server's key cannot be used ({problem}): {NEEDED_KEY}")
            }
            Error::BadCertificate { problem } => write!(f, "certificate refused: {problem}"),

            Error::PlainSmtp { line } => write!(
                f,
                "plain SMTP instead of TLS ({line}): this port is for STARTTLS, as 587 is; implicit TLS is usually on 465"
            ),
            Error::NotTls { looks_like, line } => write!(f, "{looks_like} instead of TLS ({line}): is the port right?"),
            Error::OldTls => f.write_str("the server has only TLS 1.1 or older, which nobody should use: upgrade it"),
            Error::NothingInCommon { problem } => write!(f, "no TLS version, suite or group in common: {problem}"),
            Error::Alert { stage, name } => {
                write!(f, "the server ended TLS {} with the alert {name}{}", before(*stage), cure_of_alert(name))
            }
            Error::OurCertificate { name, sent: Sent::None, .. } => {
                write!(f, "the server wants a client certificate (alert {name}): use --cert and --key")
            }
            Error::OurCertificate { name, sent: Sent::Certificate, .. } => {
                write!(f, "the server refuses our client certificate (alert {name}): is --cert the one it expects?")
            }
            Error::Protocol { stage, problem } => write!(f, "TLS failed {}: {problem}", before(*stage)),
        }
    }
}

fn before(stage: Stage) -> &'static str {
    match stage {
        Stage::Handshake => "in the handshake",
        Stage::Arguments | Stage::Resolve | Stage::Connect | Stage::Greeting => "before its greeting",
        Stage::Relay | Stage::Close => "in the session",
    }
}

/// What the alerts of RFC 8446 section 6.2 ask for, those about certificates aside.
fn cure_of_alert(name: &str) -> &'static str {
    match name {
        "handshake_failure" | "insufficient_security" => {
            ": no cipher suite, group or kind of certificate in common: its administrator must allow those of TLS 1.2 \
             with ECDHE, or TLS 1.3"
        }
        "unrecognized_name" => ": it does not know the name it was asked for: is HOST, or --server-name, right?",
        "internal_error" => ": something is wrong there: ask its administrator",
        _ => "",
    }
}

fn only_587(port: u16) -> String {
    match port {
        465 => " on port 465: does the server use only 587? then let your MTA do STARTTLS".to_owned(),
        other => format!(" on port {other}"),
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
}
