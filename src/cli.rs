//! argv to complete, cross-checked `Options`; the one table of flags behind parser and help, which tests compare with
//! the manual. An error is `Error::Usage`, with the word and the cure.
//!
//! pico-args takes the values out. It parses in any order, takes `--b` as the value of `--a`, and reports no leftovers:
//! so `scan` (scan.rs) reads argv once from left to right first, and hands it words that cannot be misread.

mod host;
mod lines;
mod scan;
mod values;

use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use log::LevelFilter;
use pico_args::Arguments;

use crate::crypto::POST_QUANTUM;
use crate::error::Error;
use crate::kinds::Wanted;
use crate::options::{
    Anchors, Family, Groups, Identity, Lines, LogTo, Logging, Mode, Newlines, Options, Replies, ServerTrust, Trust,
    Versions,
};
use crate::smtp::Rules;
use crate::text;

pub use host::host;

use scan::{find, scan, split_at_equals, Scanned};

pub enum Action {
    Help,
    Version,
    Session(Box<Options>),
    /// A report on every host, for a person.
    Check(Box<Options>),
    /// The lines of a superserver or a mail program with these options; None: the list of them.
    PrintConfig(Option<Box<Lines>>),
}

pub struct Flag {
    pub names: &'static [&'static str],
    /// The value's name in help and manual; empty if there is none.
    pub value: &'static str,
    pub times: Times,
    pub help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    Once,
    Many,
}

const fn flag(names: &'static [&'static str], value: &'static str, times: Times, help: &'static str) -> Flag {
    Flag { names, value, times, help }
}

pub const FLAGS: [Flag; 27] = [
    flag(&[CHECK], "", Times::Once, "report on every host and exit; no session"),
    flag(&[PRINT_CONFIG], OPTIONAL, Times::Once, "print lines for inetd, an MTA ..., or list"),
    flag(&[LISTEN], "ADDR:PORT", Times::Once, "in those lines [127.0.0.1:2525]"),
    flag(&["--starttls"], "", Times::Once, "STARTTLS with every host, port 587 by default"),
    flag(&["--server-name"], "NAME", Times::Once, "verify and send NAME instead of HOST"),
    flag(&["--ca-file"], "FILE", Times::Once, "trust the CA certificates in FILE (PEM) only"),
    flag(&["--system-roots"], "", Times::Once, SYSTEM_ROOTS),
    flag(&["--pin"], "sha256//BASE64", Times::Many, "its key must be one of these as well"),
    flag(&["--pin-only"], "sha256//BASE64", Times::Many, "trust this key, whatever its certificate"),
    flag(&["--cert"], "FILE", Times::Once, "client certificate (PEM, then its chain)"),
    flag(&["--key"], "FILE", Times::Once, "its private key (PEM)"),
    flag(&["--min-tls"], "1.2|1.3", Times::Once, "oldest TLS version [1.2]"),
    flag(&["--no-pq"], "", Times::Once, NO_PQ),
    flag(&["-4"], "", Times::Once, "IPv4 only"),
    flag(&["-6"], "", Times::Once, "IPv6 only"),
    flag(&["--setup-timeout"], "S", Times::Once, "seconds to reach a smarthost [60]"),
    flag(&["--idle-timeout"], "S", Times::Once, "end after S idle seconds; 0: never [7200]"),
    flag(&["--allow-from"], "ADDR[/LEN]", Times::Many, "serve this client or network too"),
    flag(&["--user"], "NAME|UID:GID", Times::Once, "run as this user [root: nobody]"),
    flag(&["--log"], "syslog|stderr|none", Times::Once, "where to log [see the manual]"),
    flag(&["-v"], "", Times::Once, "log each step"),
    flag(&["-q"], "", Times::Once, "warnings and failures only"),
    flag(&["--crlf"], "", Times::Once, "send CRLF for LF: for people and scripts"),
    flag(&["--require-auth"], "", Times::Once, "smarthosts with AUTH: MAIL waits for a login"),
    flag(&["--no-reply"], "", Times::Once, "no 421 to the client; for other protocols"),
    flag(&["-h", "--help"], "", Times::Once, "this help"),
    flag(&["-V", "--version"], "", Times::Once, "version, CA certificates and cryptography"),
];

const SYSTEM_ROOTS: &str = if cfg!(feature = "system-roots") {
    "trust the system's CA certificates [default]"
} else {
    "trust the system's CA certificates only"
};
const NO_PQ: &str =
    if POST_QUANTUM { "do not offer X25519MLKEM768" } else { "no X25519MLKEM768 [this build has none]" };
const CHECK: &str = "--check";
const PRINT_CONFIG: &str = "--print-config";
const LISTEN: &str = "--listen";
/// The only value that may be left out.
const OPTIONAL: &str = "[KIND]";

/// The words behind `program`, which a superserver's line must have.
pub fn parse_behind(program: &OsStr, argv: Vec<OsString>) -> Result<Action, Error> {
    let (name, _) = split_at_equals(program);
    // As the program's name it would have no effect.
    if find(&name).is_some() {
        return host::misplaced(program);
    }
    match parse(argv) {
        Err(Error::Usage(sentence)) if sentence == NO_HOST && host::is_one(program) => host::misplaced(program),
        other => other,
    }
}

const NO_HOST: &str = "no HOST; name the smarthost, as in `smtps-bridge smtp.example.com`";

pub fn parse(argv: Vec<OsString>) -> Result<Action, Error> {
    let Scanned { options: words, operands, wanted } = scan(argv)?;
    let given = wanted.map(|_| lines::given(&words, &operands)).transpose()?;
    let mut args = Arguments::from_vec(words);
    if args.contains(["-h", "--help"]) {
        return Ok(Action::Help);
    }
    if args.contains(["-V", "--version"]) {
        return Ok(Action::Version);
    }
    let listen = value(&mut args, LISTEN, values::listen)?;
    if let (Some(Wanted::List), true) = (wanted, operands.is_empty()) {
        return Ok(Action::PrintConfig(None));
    }
    let check = args.contains(CHECK);
    let options = options(&mut args, &operands)?;
    if let Some(word) = args.finish().first() {
        return usage(format!("{}: left over", shown(word)));
    }
    match wanted.zip(given) {
        Some(_) if check => usage("--check and --print-config exclude each other: check first"),
        Some((wanted, given)) => Ok(Action::PrintConfig(Some(Box::new(lines::lines(wanted, given, listen, options)?)))),
        None => {
            lines::no_listen(listen)?;
            Ok(if check { Action::Check(Box::new(options)) } else { Action::Session(Box::new(options)) })
        }
    }
}

fn options(args: &mut Arguments, operands: &[OsString]) -> Result<Options, Error> {
    let server_name = value(args, "--server-name", values::server_name)?;
    let mode = if args.contains("--starttls") { Mode::StartTls } else { Mode::ImplicitTls };
    let hosts = operands.iter().map(|word| host(word, mode, server_name.as_ref())).collect::<Result<Vec<_>, _>>()?;
    if hosts.is_empty() {
        return usage(NO_HOST);
    }
    let family = match (args.contains("-4"), args.contains("-6")) {
        (true, true) => return usage("-4 and -6 exclude each other: give one of them, or neither for both"),
        (true, false) => Family::V4,
        (false, true) => Family::V6,
        (false, false) => Family::Both,
    };
    let rules = match (args.contains("--no-reply"), args.contains("--require-auth")) {
        (true, true) => {
            return usage("--require-auth and --no-reply exclude each other: it answers a MAIL that was not passed on")
        }
        (true, false) if mode == Mode::StartTls => {
            return usage(
                "--starttls and --no-reply exclude each other: STARTTLS here is SMTP's, and its client is greeted",
            )
        }
        (true, false) => Rules::NotSmtp,
        (false, true) => Rules::RequireAuth,
        (false, false) => Rules::Follow,
    };
    Ok(Options {
        hosts,
        mode,
        trust: trust(args)?,
        family,
        setup_timeout: value(args, "--setup-timeout", values::setup_timeout)?,
        idle_timeout: value(args, "--idle-timeout", values::idle_timeout)?.unwrap_or(Some(Duration::from_secs(7200))),
        allow_from: many(args, "--allow-from", values::network)?,
        user: value(args, "--user", values::user)?,
        logging: Logging {
            to: value(args, "--log", values::log_to)?,
            level: match (args.contains("-v"), args.contains("-q")) {
                (true, true) => return usage("-v and -q exclude each other"),
                (true, false) => LevelFilter::Debug,
                (false, true) => LevelFilter::Warn,
                (false, false) => LevelFilter::Info,
            },
        },
        newlines: if args.contains("--crlf") { Newlines::Crlf } else { Newlines::AsTheyAre },
        rules,
    })
}

/// Who reads the answer to a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The client of a session.
    Client(Replies),
    /// A person, who wants a report.
    Check,
    /// A person who redirects standard output into a file.
    PrintConfig,
}

/// What argv asks for at first sight, so that a failure of the parser itself reaches the right reader.
pub struct Glance {
    pub reader: Reader,
    /// The last `--log` whose value can be read.
    pub log_to: Option<LogTo>,
}

pub fn glance(argv: &[OsString]) -> Glance {
    let mut glance = Glance { reader: Reader::Client(Replies::Smtp), log_to: None };
    let mut words = argv.iter().take_while(|word| *word != "--").peekable();
    while let Some(word) = words.next() {
        let (name, inline) = split_at_equals(word);
        match (name.to_str(), glance.reader) {
            (Some(PRINT_CONFIG), _) => glance.reader = Reader::PrintConfig,
            (Some(CHECK), Reader::Client(_)) => glance.reader = Reader::Check,
            (Some("--no-reply"), Reader::Client(_)) => glance.reader = Reader::Client(Replies::None),
            (Some("--log"), _) => {
                let value = inline.as_deref().or(words.peek().map(|word| word.as_os_str()));
                glance.log_to = value.and_then(|value| values::log_to("--log", value).ok()).or(glance.log_to);
            }
            _ => {}
        }
    }
    glance
}

/// The help: fits a terminal of 80 columns and 40 lines.
pub fn help() -> String {
    let mut text = String::from(
        "Usage: smtps-bridge [options] HOST[:PORT] [HOST[:PORT] ...]\n\n\
         Carries plain SMTP from its stdin and stdout to a smarthost over TLS, on port\n\
         465 or with STARTTLS, for inetd, xinetd, systemd and pipes. Hosts are tried in\n\
         order; all must accept the same credentials. The certificate is verified.\n\n",
    );
    for flag in &FLAGS {
        let _ = writeln!(text, "  {:<31}{}", format!("{} {}", flag.names.join(", "), flag.value), flag.help);
    }
    text.push_str("\nMore in smtps-bridge(8): exit codes, log lines, ready-made lines for inetd.\n");
    text
}

fn trust(args: &mut Arguments) -> Result<Trust, Error> {
    let ca_file = value(args, "--ca-file", values::path)?;
    let system = args.contains("--system-roots");
    let pins = many(args, "--pin", values::pin)?;
    let only = many(args, "--pin-only", values::pin)?;
    let server = match (ca_file, system) {
        (Some(_), true) => return usage("--ca-file and --system-roots exclude each other: give one of them"),
        (None, false) if !only.is_empty() && pins.is_empty() => ServerTrust::KeyOnly { pins: only },
        _ if !only.is_empty() => {
            return usage("--pin-only is the whole trust: leave out --pin, --ca-file and --system-roots, or use --pin")
        }
        (Some(file), false) => ServerTrust::Chain { anchors: Anchors::File(file), pins },
        (None, true) => ServerTrust::Chain { anchors: Anchors::System, pins },
        (None, false) => ServerTrust::Chain { anchors: Anchors::USUAL, pins },
    };
    let identity = match (value(args, "--cert", values::path)?, value(args, "--key", values::path)?) {
        (Some(cert), Some(key)) => Some(Identity { cert, key }),
        (None, None) => None,
        (Some(_), None) => return usage("--cert needs --key, the file with its private key"),
        (None, Some(_)) => return usage("--key needs --cert, the file with its certificate"),
    };
    Ok(Trust {
        server,
        identity,
        versions: value(args, "--min-tls", values::min_tls)?.unwrap_or(Versions::Tls12AndLater),
        groups: if args.contains("--no-pq") { Groups::Classical } else { Groups::PostQuantumFirst },
    })
}

/// A parser of one value: the option's name for the sentence, and the word.
type Parser<T> = fn(&str, &OsStr) -> Result<T, Error>;

fn value<T>(args: &mut Arguments, name: &'static str, parser: Parser<T>) -> Result<Option<T>, Error> {
    let word = args.opt_value_from_os_str(name, |word| Ok::<_, Error>(word.to_owned()));
    word.ok().flatten().map(|word| parser(name, &word)).transpose()
}

fn many<T>(args: &mut Arguments, name: &'static str, parser: Parser<T>) -> Result<Vec<T>, Error> {
    let words = args.values_from_os_str(name, |word| Ok::<OsString, Error>(word.to_owned())).unwrap_or_default();
    words.iter().map(|word| parser(name, word)).collect()
}

fn usage<T>(sentence: impl Into<String>) -> Result<T, Error> {
    Err(Error::Usage(sentence.into()))
}

/// A word of argv inside a sentence.
fn shown(word: &OsStr) -> String {
    text::word(word.as_bytes())
}
