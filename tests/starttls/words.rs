//! The option itself: what it changes of a command line, what it excludes, and the lines that carry it.

use std::ffi::OsString;

use smtps_bridge::cli::{parse, Action};
use smtps_bridge::options::{Mode, Options};
use smtps_bridge::setup::{kinds, named, Fill};

use crate::support::bridge::Start;
use crate::support::limit::{within, USUAL};
use crate::support::outcome::refusal;

#[track_caller]
fn options(words: &[&str]) -> Options {
    match parse(words.iter().map(OsString::from).collect()) {
        Ok(Action::Session(options)) => *options,
        _ => panic!("{words:?} is no session"),
    }
}

/// Goal: 587 for every host that names no port, wherever the option stands; a port that is named is that port.
#[test]
fn the_default_port_is_587_for_all_hosts() {
    for words in [
        &["--starttls", "a.example", "192.0.2.1", "[::1]", "b.example:25"][..],
        &["a.example", "192.0.2.1", "[::1]", "b.example:25", "--starttls"],
    ] {
        let options = options(words);
        assert_eq!(options.mode, Mode::StartTls);
        assert_eq!(options.hosts.iter().map(|host| host.port).collect::<Vec<_>>(), [587, 587, 587, 25]);
    }
    assert_eq!(options(&["--starttls", "a:submission"]).hosts[0].port, 587);
    assert_eq!(options(&["--starttls", "a:submissions"]).hosts[0].port, 465, "somebody means it");
    // Never guessed from the port.
    let plain = options(&["a:587", "b:submission", "c"]);
    assert_eq!(plain.mode, Mode::ImplicitTls);
    assert_eq!(plain.hosts.iter().map(|host| host.port).collect::<Vec<_>>(), [587, 587, 465]);
}

#[test]
fn it_excludes_no_reply_and_is_given_once() {
    within(USUAL, || {
        for (words, said) in [
            (&["--starttls", "--no-reply", "a"][..], "--starttls and --no-reply exclude each other"),
            (&["--starttls", "--starttls", "a"], "--starttls is given twice"),
            (&["--starttls=yes", "a"], "--starttls takes no value"),
        ] {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            let Err(error) = parse(words.clone()) else { panic!("{words:?} is taken") };
            assert!(error.to_string().contains(said), "{error}");
        }
        let refusal = refusal(Start::new().args(["--starttls", "--starttls", "a"]));
        refusal.assert("4.3.5", 64, &["stage=arguments", "twice"]);
    });
}

/// Goal: each kind's lines have the option wherever they have the host, so that they do what the command line does.
#[test]
fn printed_lines_carry_it() {
    for kind in kinds() {
        let words = ["--print-config", kind.name, "--starttls", "smtp.example.com"].map(OsString::from);
        let Ok(Action::PrintConfig(Some(lines))) = parse(words.to_vec()) else { panic!("{}: no lines", kind.name) };
        let fill = Fill::new("/usr/bin/smtps-bridge", "nobody", &lines).unwrap();
        let text = named(kind.name, &fill).unwrap();
        let carries = text.contains("--starttls");
        // What goes through a port of a superserver does not start the bridge.
        assert!(carries || !text.contains("smtps-bridge smtp.example.com"), "{}:\n{text}", kind.name);
        if kind.name == "opensmtpd" {
            assert!(text.contains(" relay host smtp+tls://provider@smtp.example.com:587 auth <secrets>\n"), "{text}");
        }
    }
}
