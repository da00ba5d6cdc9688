//! What the lines of all kinds are made of: the bridge's command line, and where it listens.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{absolute, Path};

use crate::cli::FLAGS;
use crate::error::Error;
use crate::options::{Given, Host, Lines, Network};

use super::quote::{refused, shown};

#[derive(Clone)]
pub struct Fill<'a> {
    /// The full path of this program.
    pub program: &'a str,
    /// The package's user if it exists, else `nobody`.
    service_user: &'static str,
    pub listen: SocketAddr,
    allow_from: &'a [Network],
    /// The options as words, in the order of the help; files by their full path.
    pub given: Vec<Given>,
    pub hosts: &'a [String],
    /// The first of them.
    pub smarthost: &'a Host,
    /// What was changed in them, for comments at the end of the file.
    pub notes: Vec<String>,
}

/// For mail programs that log in.
pub const ONE_PROVIDER: &str =
    "All hosts on the bridge's command line get this one password, so they must all be the same provider's.";

impl<'a> Fill<'a> {
    pub fn new(program: &'a str, service_user: &'static str, lines: &'a Lines) -> Result<Fill<'a>, Error> {
        let Some(smarthost) = lines.options.hosts.first() else { return refused("no HOST") };
        let mut fill = Fill {
            program,
            service_user,
            listen: lines.listen,
            allow_from: &lines.options.allow_from,
            given: Vec::new(),
            hosts: &lines.hosts,
            smarthost,
            notes: Vec::new(),
        };
        for option in &lines.given {
            let mut option = option.clone();
            if let Some(path) = full_path(&option)? {
                let file = option.value.as_deref().map(shown).unwrap_or_default();
                fill.notes.push(format!("{} {file} was written as a full path: {}", option.name, shown(&path)));
                option.value = Some(path);
            }
            fill.given.push(option);
        }
        // The smarthost knows a client by its certificate, and other protocols have no MAIL.
        if fill.has("--cert") || fill.has("--no-reply") {
            return Ok(fill);
        }
        Ok(fill.with("--require-auth", None))
    }

    /// With one more option, which the target needs, unless it was given.
    pub fn with(&self, name: &'static str, value: Option<&str>) -> Fill<'a> {
        let mut fill = self.clone();
        if !fill.has(name) {
            let place = |name| FLAGS.iter().position(|flag| flag.names.contains(&name));
            let at = fill.given.partition_point(|option| place(option.name) < place(name));
            fill.given.insert(at, Given { name, value: value.map(str::to_owned) });
        }
        fill
    }

    pub fn has(&self, name: &str) -> bool {
        self.given.iter().any(|option| option.name == name)
    }

    pub fn value(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|option| option.name == name)?.value.as_deref()
    }

    /// What stands behind the program's name.
    pub fn words(&self) -> Vec<&str> {
        let options = self.given.iter().flat_map(|option| [Some(option.name), option.value.as_deref()]);
        options.flatten().chain(self.hosts.iter().map(String::as_str)).collect()
    }

    /// The user as which a superserver starts the bridge, and why.
    pub fn user(&self) -> (&'static str, &'static str) {
        if self.has("--key") || self.has("--user") {
            return (
                "root",
                "the bridge reads its files as root, and then drops root by itself, for nobody or its --user",
            );
        }
        (self.service_user, "the bridge needs no rights and no files of its own")
    }

    /// As a superserver starts it: if only root can read the key, root is dropped for the package's user.
    pub fn of_superserver(&self) -> Fill<'a> {
        if self.has("--key") && self.service_user != NOBODY {
            return self.with("--user", Some(self.service_user));
        }
        self.clone()
    }

    /// Where mail programs reach the bridge: each writes IPv6 in a form of its own, in the host and in the password's key.
    pub fn port(&self) -> Result<(Ipv4Addr, u16), Error> {
        match self.listen {
            SocketAddr::V4(listen) => Ok((*listen.ip(), listen.port())),
            SocketAddr::V6(listen) => refused(format!(
                "--listen {listen}: the lines for mail programs hold an IPv4 address only, in the host and in the key \
                 of the password; use 127.0.0.1 or another one of 127.0.0.0/8"
            )),
        }
    }

    pub fn proof(&self) -> String {
        format!(
            "The proof: nc {} {} shows the 220 of your provider, or a 421 that says what is wrong; Ctrl-C ends it.",
            self.listen.ip(),
            self.listen.port()
        )
    }

    /// Behind a mark, for lines that start the bridge: what `--require-auth` is for.
    pub fn require_auth(&self, mark: &str) -> String {
        if !self.has("--require-auth") {
            return String::new();
        }
        format!(
            "{mark}--require-auth keeps mail in the queue while the password is wrong or missing. Take it out if the\n\
             {mark}smarthost takes mail without a login.\n"
        )
    }

    /// Who can reach the address.
    pub fn reach(&self) -> &'static str {
        if self.listen.ip().is_loopback() {
            "This machine only: what comes in here is plain text and carries your password."
        } else {
            "Not only this machine: what comes in here is plain text and carries your password."
        }
    }

    /// The line of hosts.allow, for tcpd: this machine, and the networks of `--allow-from`.
    pub fn hosts_allow(&self) -> String {
        let address = |ip: IpAddr| if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
        let name = Path::new(self.program).file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let mut line = format!("{name}: {}", address(self.listen.ip()));
        for network in self.allow_from {
            line.push_str(&format!(" {}/{}", address(network.address), network.length));
        }
        line
    }

    /// The notes as most files want them.
    pub fn comments(&self) -> String {
        self.notes.iter().map(|note| format!("# {note}\n")).collect()
    }
}

/// A superserver starts the bridge somewhere else: a file must be found from there. None if it already is.
fn full_path(option: &Given) -> Result<Option<String>, Error> {
    let Some(file) = &option.value else { return Ok(None) };
    if !FILES.contains(&option.name) || file.starts_with('/') {
        return Ok(None);
    }
    match absolute(file).ok().and_then(|path| path.into_os_string().into_string().ok()) {
        Some(path) => Ok(Some(path)),
        None => refused(format!("{} {}: give the full path, from / on", option.name, shown(file))),
    }
}

pub const NOBODY: &str = "nobody";
const FILES: [&str; 3] = ["--ca-file", "--cert", "--key"];
