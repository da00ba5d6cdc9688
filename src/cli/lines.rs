//! `--print-config` and `--listen`: the command line in its own words, for lines that hold the same words.

use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::error::Error;
use crate::kinds::{self, Wanted, LIST, NAMES};
use crate::options::{Given, Lines, Options};

use super::{shown, usage, Flag, FLAGS};

/// The value of `--print-config`, if there is one.
pub fn wanted(word: Option<&OsStr>) -> Result<Wanted, Error> {
    let Some(word) = word else { return Ok(Wanted::Found) };
    if let Some(wanted) = word.to_str().and_then(kinds::find) {
        return Ok(wanted);
    }
    let meant = match word.to_str().and_then(kinds::near) {
        Some(name) => format!("did you mean {name}?"),
        None => {
            let names: Vec<&str> = NAMES.into_iter().filter(|name| !name.contains('.')).collect();
            format!("it is list or one of {};", names.join(", "))
        }
    };
    usage(format!("--print-config {}: no such kind; {meant} a host without a dot goes behind `--`", shown(word)))
}

/// A kind among the hosts, or a word that is nearly one, would be printed as a host.
pub fn not_a_kind(host: &OsStr) -> Result<(), Error> {
    let name = match host.to_str().and_then(|word| kinds::find(word).or(kinds::near(word).map(Wanted::Named))) {
        Some(Wanted::Named(name)) => name,
        Some(Wanted::List) => LIST,
        _ => return Ok(()),
    };
    usage(format!(
        "{} stands among the hosts; did you mean `--print-config {name}`? a host of that name goes behind `--`",
        shown(host)
    ))
}

/// Options in the order of the help, then hosts, as text.
pub fn given(options: &[OsString], hosts: &[OsString]) -> Result<(Vec<Given>, Vec<String>), Error> {
    let mut given = Vec::new();
    let mut words = options.iter();
    while let Some(name) = words.next() {
        let known = |flag: &Flag| flag.names.iter().any(|known| *name == **known);
        let Some((place, flag)) = FLAGS.iter().enumerate().find(|(_, flag)| known(flag)) else { continue };
        let value = if flag.value.is_empty() { None } else { words.next().map(text).transpose()? };
        let name = flag.names.first().copied().unwrap_or_default();
        if name != super::LISTEN {
            given.push((place, Given { name, value }));
        }
    }
    // Stable: repeated options keep their order.
    given.sort_by_key(|(place, _)| *place);
    let hosts = hosts.iter().map(text).collect::<Result<_, _>>()?;
    Ok((given.into_iter().map(|(_, given)| given).collect(), hosts))
}

pub fn lines(
    wanted: Wanted,
    (given, hosts): (Vec<Given>, Vec<String>),
    listen: Option<SocketAddr>,
    options: Options,
) -> Result<Lines, Error> {
    let wanted = match (wanted, listen) {
        (Wanted::Found, Some(_)) => Wanted::FoundWithListener,
        _ => wanted,
    };
    let listen = listen.unwrap_or(LOOPBACK);
    if !listen.ip().is_loopback() && options.allow_from.is_empty() {
        return usage(format!(
            "--listen {listen}: on a network this program serves only whom --allow-from names, and there is none; the \
             local side is plaintext and carries passwords, so name the one device, as in --allow-from 192.168.1.20"
        ));
    }
    Ok(Lines { wanted, options, given, hosts, listen })
}

pub fn no_listen(listen: Option<SocketAddr>) -> Result<(), Error> {
    match listen {
        None => Ok(()),
        Some(_) => usage(
            "--listen goes with --print-config only: nothing listens here, the superserver does, where its line says",
        ),
    }
}

fn text(word: &OsString) -> Result<String, Error> {
    match word.to_str() {
        Some(text) => Ok(text.to_owned()),
        None => usage(format!("{}: no UTF-8, and the lines of --print-config are; rename it", shown(word))),
    }
}

const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 2525);
