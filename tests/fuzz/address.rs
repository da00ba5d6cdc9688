//! HOST, networks, users, pins, addresses to listen on: what is taken means the same when it is written again.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use smtps_bridge::cli::{self, Action};
use smtps_bridge::options::{Dial, Options};

const OPTIONS: [&str; 6] = ["--server-name", "--allow-from", "--user", "--pin", "--pin-only", "--listen"];

/// The first octet says which option the rest is the value of; behind them it is HOST.
pub fn run(data: &[u8]) {
    let Some((which, word)) = data.split_first() else { return };
    if word.contains(&0) {
        return;
    }
    let word = OsString::from_vec(word.to_vec());
    let words = match OPTIONS.get(usize::from(*which)) {
        Some(&"--listen") => {
            vec!["--print-config".into(), "inetd-debian".into(), "--listen".into(), word, "h.test".into()]
        }
        Some(option) => vec![option.into(), word, "h.test".into()],
        None => vec!["--".into(), word],
    };
    match cli::parse(words) {
        Ok(Action::Session(options)) => again(&options),
        Ok(_) => {}
        Err(error) => super::refusal::check(&error),
    }
}

fn again(options: &Options) {
    for host in &options.hosts {
        let text = match &host.dial {
            Dial::Address(address) if address.is_ipv6() => format!("[{address}]:{}", host.port),
            Dial::Address(address) => format!("{address}:{}", host.port),
            Dial::Name(name) => format!("{name}:{}", host.port),
        };
        let Ok(Action::Session(same)) = cli::parse(vec!["--".into(), text.clone().into()]) else { panic!("{text}") };
        assert!(same.hosts.iter().all(|other| other.dial == host.dial && other.port == host.port), "{text}");
    }
    for network in &options.allow_from {
        assert!(network.contains(network.address));
        let text = format!("{}/{}", network.address, network.length);
        let words = vec!["--allow-from".into(), text.clone().into(), "h.test".into()];
        let Ok(Action::Session(same)) = cli::parse(words) else { panic!("{text}") };
        assert!(
            same.allow_from.iter().all(|other| other.address == network.address && other.length == network.length),
            "{text}"
        );
    }
}
