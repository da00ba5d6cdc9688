//! Any command line: what is taken is complete and holds no forbidden combination, what is refused gets a sentence.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use smtps_bridge::cli::{self, Action, Reader};
use smtps_bridge::options::{Mode, Options, Replies, ServerTrust};

/// The words, each ended by a NUL, which no word can hold.
pub fn run(data: &[u8]) {
    let argv: Vec<OsString> =
        data.split(|octet| *octet == 0).take(40).map(|word| OsString::from_vec(word.to_vec())).collect();
    let glance = cli::glance(&argv);
    match cli::parse(argv) {
        Ok(Action::Session(options)) => {
            complete(&options);
            // This is looked for before the command line is parsed, and must give the same answer.
            assert!(glance.reader == Reader::Client(options.replies()) && glance.log_to == options.logging.to);
        }
        Ok(Action::Check(options)) => {
            complete(&options);
            assert_eq!(glance.reader, Reader::Check);
        }
        Ok(Action::PrintConfig(lines)) => {
            assert_eq!(glance.reader, Reader::PrintConfig);
            let Some(lines) = lines else { return };
            complete(&lines.options);
            assert!(lines.listen.port() > 0 && !lines.listen.ip().is_unspecified());
            let named = !lines.options.allow_from.is_empty();
            assert!(lines.listen.ip().is_loopback() || named, "promise 7: {}", lines.listen);
        }
        Ok(Action::Help | Action::Version) => {}
        Err(error) => super::refusal::check(&error),
    }
}

fn complete(options: &Options) {
    assert!(!options.hosts.is_empty());
    for host in &options.hosts {
        assert!(host.port > 0 && !host.name.is_empty() && !host.server_name_text().is_empty());
    }
    assert!(options.setup_timeout.is_none_or(|given| (1..=3600).contains(&given.as_secs())));
    assert!(options.idle_timeout.is_none_or(|timeout| timeout >= Duration::from_secs(660)));
    assert!(options.allow_from.iter().all(|network| network.length > 0), "promise 7");
    match &options.trust.server {
        ServerTrust::KeyOnly { pins } => assert!(!pins.is_empty(), "promise 3"),
        ServerTrust::Chain { .. } => {}
    }
    assert!(matches!((options.replies(), options.mode), (Replies::Smtp, _) | (Replies::None, Mode::ImplicitTls)));
}
