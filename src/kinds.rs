//! The words behind `--print-config`, as far as the parser must tell them from hosts. What they print is setup/'s.

/// What is to be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    List,
    /// What this machine has.
    Found,
    /// A kind, or one file of it: a word of NAMES.
    Named(&'static str),
}

pub const LIST: &str = "list";

/// Kinds, and behind a dot the files of those that have several. A test compares them with what setup/ prints.
pub const NAMES: [&str; 26] = [
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
    "busybox",
    "swaks",
];

/// `list`, the name of a kind, or that of one of its files.
pub fn find(word: &str) -> Option<Wanted> {
    if word == LIST {
        return Some(Wanted::List);
    }
    NAMES.into_iter().find(|name| *name == word).map(Wanted::Named)
}
