//! The words behind `--print-config`, as far as the parser must tell them from hosts. setup/ has what they print.

/// What is to be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    List,
    /// What this machine has.
    Found,
    /// What it has, and a superserver for an address that was given.
    FoundWithListener,
    /// A kind, or one file of it: a word of NAMES.
    Named(&'static str),
}

pub const LIST: &str = "list";

/// Kinds, and behind a dot the files of those that have several. A test compares them with what setup/ prints.
pub const NAMES: [&str; 28] = [
    "xinetd",
    "inetd-freebsd",
    "launchd",
    "inetd-debian",
    "inetd-busybox",
    "tcpserver",
    "s6",
    "systemd",
    "systemd.socket",
    "systemd.service",
    "systemd.sysusers",
    "sendmail",
    "sendmail-port",
    "postfix",
    "postfix.main",
    "postfix.master",
    "exim",
    "exim.main",
    "exim.router",
    "exim.transport",
    "opensmtpd",
    "nullmailer",
    "dma",
    "msmtp",
    "ssmtp",
    "qmail",
    "busybox",
    "swaks",
];

/// Other words for a kind: names of packages and programs.
const OTHER_NAMES: [(&str, &str); 4] = [
    ("inetd", if cfg!(target_os = "freebsd") { "inetd-freebsd" } else { "inetd-debian" }),
    ("openbsd-inetd", "inetd-debian"),
    ("inetutils-inetd", "inetd-debian"),
    ("exim4", "exim"),
];

/// `list`, the name of a kind, or that of one of its files, in any case.
pub fn find(word: &str) -> Option<Wanted> {
    if word.eq_ignore_ascii_case(LIST) {
        return Some(Wanted::List);
    }
    names().find(|(said, _)| said.eq_ignore_ascii_case(word)).map(|(_, name)| Wanted::Named(name))
}

/// The name that was meant, if it is misspelled by one fault. Short words and those that begin otherwise are not faults:
/// "smtp" and "gmail" are hosts, and not kinds.
pub fn near(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    let likely = |said: &str| word.len() > 4 && word.get(..1) == said.get(..1);
    names().find(|(said, _)| likely(said) && one_fault(word.as_bytes(), said.as_bytes())).map(|(_, name)| name)
}

fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    NAMES.into_iter().map(|name| (name, name)).chain(OTHER_NAMES)
}

/// A letter is wrong, too many or missing, or two have changed places.
fn one_fault(word: &[u8], name: &[u8]) -> bool {
    match (word, name) {
        ([a, word @ ..], [b, name @ ..]) if a == b => one_fault(word, name),
        ([a, b, word @ ..], [c, d, name @ ..]) if (a, b) == (d, c) => word == name,
        ([_, word @ ..], [_, name @ ..]) if word == name => true,
        ([_, rest @ ..], _) if rest == name => true,
        (_, [_, rest @ ..]) => rest == word,
        _ => false,
    }
}
