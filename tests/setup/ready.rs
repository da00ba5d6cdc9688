//! packaging/ has ready files, each exactly what is printed for smtp.example.com. With REWRITE=1 in the environment they are
//! written and not compared; packaging/README.md has the command.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use smtps_bridge::kinds::NAMES;
use smtps_bridge::setup::kinds;

use super::{render, HOST};

/// What is printed, and where it lies below packaging/.
pub const READY: [(&str, &str); 25] = [
    ("xinetd", "xinetd/smtps-bridge"),
    ("inetd-freebsd", "inetd/freebsd.conf"),
    ("launchd", "launchd/smtps-bridge.plist"),
    ("inetd-debian", "inetd/debian.conf"),
    ("inetd-busybox", "inetd/busybox.conf"),
    ("tcpserver", "tcpserver/run"),
    ("s6", "s6/run"),
    ("systemd.socket", "systemd/smtps-bridge.socket"),
    ("systemd.service", "systemd/smtps-bridge@.service"),
    ("systemd.sysusers", "systemd/smtps-bridge.sysusers.conf"),
    ("sendmail", "mta/sendmail.mailer.mc"),
    ("sendmail-port", "mta/sendmail.port.mc"),
    ("postfix.main", "mta/postfix.main.cf"),
    ("postfix.master", "mta/postfix.master.cf"),
    ("exim.main", "mta/exim.main"),
    ("exim.router", "mta/exim.router"),
    ("exim.transport", "mta/exim.transport"),
    ("opensmtpd", "mta/opensmtpd.conf"),
    ("nullmailer", "mta/nullmailer.remotes"),
    ("dma", "mta/dma.conf"),
    ("msmtp", "mta/msmtprc"),
    ("ssmtp", "mta/ssmtp.conf"),
    ("qmail", "mta/qmail.smtproutes"),
    ("busybox", "mta/busybox"),
    ("swaks", "mta/swaks"),
];

#[test]
fn the_ready_files_are_what_is_printed() {
    for (name, path) in READY {
        let (printed, path) = (render(name, &[HOST]), packaging(path));
        if env::var_os("REWRITE").is_some() {
            fs::write(&path, &printed).unwrap();
        }
        let ready = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(ready, printed, "{}: packaging/README.md says how to write it anew", path.display());
    }
}

/// Goal: a kind of several files is printed as all of them, in their order.
#[test]
fn a_kind_is_all_of_its_files() {
    for kind in kinds() {
        let files: Vec<String> = match kind.files {
            [_] => vec![render(kind.name, &[HOST])],
            files => files.iter().map(|file| render(file.name, &[HOST])).collect(),
        };
        assert_eq!(render(kind.name, &[HOST]), files.join("\n"));
    }
}

/// Goal: the parser knows the words that print something, and no others.
#[test]
fn every_name_prints_something_and_every_file_is_ready() {
    let files = kinds().flat_map(|kind| kind.files).map(|file| file.name).filter(|name| !name.is_empty());
    let printed: Vec<&str> = kinds().map(|kind| kind.name).chain(files).collect();
    assert_eq!(BTreeSet::from(NAMES), printed.iter().copied().collect());
    assert_eq!(printed.len(), NAMES.len());
    let single = kinds().filter(|kind| kind.files.len() == 1).map(|kind| kind.name);
    let files = kinds().flat_map(|kind| kind.files).map(|file| file.name).filter(|name| !name.is_empty());
    assert_eq!(READY.map(|(name, _)| name).into_iter().collect::<BTreeSet<_>>(), single.chain(files).collect());
}

/// Goal: no file of a superserver or a mail program lies there that the program does not print.
#[test]
fn every_ready_file_is_printed() {
    let ours: BTreeSet<PathBuf> = READY.map(|(_, path)| packaging(path)).into();
    let mut found = BTreeSet::new();
    for folder in ["inetd", "launchd", "mta", "s6", "systemd", "tcpserver", "xinetd"] {
        found.extend(fs::read_dir(packaging(folder)).unwrap().map(|entry| entry.unwrap().path()));
    }
    assert_eq!(ours, found);
}

/// The ready files of a kind, as it prints them.
pub fn ready(kind: &str) -> String {
    let paths = READY.iter().filter(|(name, _)| name.split('.').next() == Some(kind));
    let files: Vec<String> = paths.map(|(_, path)| fs::read_to_string(packaging(path)).unwrap()).collect();
    files.join("\n")
}

fn packaging(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(path)
}
