//! `--print-config`: the files under packaging/ with the command line, the program's own path and the address of
//! `--listen` in place of the examples. Nothing is asked of the network, and nothing is written but standard output.

mod found;
mod quote;

use std::env;
use std::net::{IpAddr, SocketAddr};
use std::path::{absolute, Path};

use crate::error::{Error, Failure};
use crate::kinds::{example, Kind, Role, Shipped, Syntax, Wanted, KINDS};
use crate::options::{Given, Lines, Network, Options, SUBMISSIONS};
use crate::stdio::{self, Local};

use quote::{refused, shown};

/// What goes to standard output.
///
/// # Errors
/// `Error::Usage` for a word that the target cannot hold, `Error::Stranger` for a client of another machine.
pub fn print(lines: &Lines, local: &mut Local) -> Result<String, Error> {
    if let Err(error @ Error::Stranger { .. }) = stdio::admit(local, &[]) {
        return Err(error);
    }
    let Some(options) = &lines.options else { return Ok(list()) };
    let program = env::current_exe().ok().and_then(|path| path.into_os_string().into_string().ok());
    let Some(program) = program else { return refused("the path of this program cannot be found, or is no UTF-8") };
    let fill = Fill { program: &program, lines, options };
    match lines.wanted {
        Wanted::List => Ok(list()),
        Wanted::All(kind) => all(kind, &fill),
        Wanted::One(file) => render(file, &fill),
        Wanted::Found => found::print(&fill),
    }
}

/// Why nothing is printed, where stderr cannot say it. A stranger reads nothing.
pub fn complain(error: Error, local: &mut Local) -> Failure {
    if !matches!(stdio::admit(local, &[]), Err(Error::Stranger { .. })) {
        stdio::complain(&error.to_string(), local);
    }
    error.into()
}

/// What the shipped files are filled with.
pub struct Fill<'a> {
    pub program: &'a str,
    pub lines: &'a Lines,
    pub options: &'a Options,
}

/// All files of a kind, an empty line between them.
///
/// # Errors
/// `Error::Usage`.
pub fn all(kind: &Kind, fill: &Fill) -> Result<String, Error> {
    let files = kind.files.iter().map(|file| render(file, fill)).collect::<Result<Vec<_>, _>>()?;
    Ok(files.join("\n"))
}

/// One file.
///
/// # Errors
/// `Error::Usage`.
pub fn render(file: &Shipped, fill: &Fill) -> Result<String, Error> {
    let systemd = file.syntax == Syntax::Systemd;
    let listen = fill.lines.listen;
    if listen.is_ipv6() && file.source.starts_with(MAIL_PROGRAMS) && file.text.contains(example::ADDRESS) {
        return refused(format!(
            "--listen {listen}: the lines for mail programs hold an IPv4 address only, in the host and in the key of \
             the password; use 127.0.0.1 or another one of 127.0.0.0/8"
        ));
    }
    let mut notes = Vec::new();
    let mut given = Vec::new();
    for option in &fill.lines.given {
        given.push(full_path(option, &mut notes)?);
    }
    let value = |name| given.iter().find(|option| option.name == name).and_then(|option| option.value.clone());
    let (key, user) = (value("--key"), value("--user"));
    let mut pairs: Vec<(&str, String)> = Vec::new();
    if systemd {
        pairs.push((SYSTEMD_USER, systemd_rights(key.as_deref(), user.as_deref())?));
        // The key is read outside of the service.
        if ["--ca-file", "--cert"].into_iter().filter_map(value).any(|path| at_home(&path)) {
            pairs.push((SYSTEMD_HOMES, "ProtectHome=read-only\n".to_owned()));
        }
        given.retain(|option| option.name != "--user");
        for option in given.iter_mut().filter(|option| key.is_some() && option.value == key) {
            option.value = Some(SYSTEMD_KEY.to_owned());
        }
    } else if key.is_some() || user.is_some() {
        pairs.extend(file.as_root.iter().map(|(from, to)| (*from, (*to).to_owned())));
    }
    if !listen.ip().is_loopback() {
        pairs.push(("This machine only", "Not only this machine".to_owned()));
    }
    let mut argv: Vec<String> = Vec::new();
    for option in &given {
        argv.push(option.name.to_owned());
        argv.extend(option.value.clone());
    }
    argv.extend(fill.lines.hosts.iter().cloned());
    let argv =
        quote::words(&argv, file.syntax)?.replace(&format!("\"{}\"", SYSTEMD_KEY.replace('$', "$$")), SYSTEMD_KEY);
    if given.iter().any(|option| option.name == "--log") {
        pairs.push((LOG_AND_HOST, argv.clone()));
    }
    if systemd && fill.program.contains('$') {
        return refused(format!("{}: systemd takes no $ in a program's path; install it elsewhere", fill.program));
    }
    let name = Path::new(fill.program).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    pairs.push((HOSTS_ALLOW, format!("hosts.allow: {name}: {}", clients(listen, &fill.options.allow_from))));
    if let (Syntax::M4, Some(host)) = (file.syntax, fill.options.hosts.first()) {
        // Elsewhere in its lines the host is what a password is looked up by.
        pairs.push((MAILER_ARGV, MAILER_ARGV.replace(example::HOST, &argv)));
        pairs.push((example::HOST, host.name.clone()));
    }
    if let (OPENSMTPD, Some(host)) = (file.source, fill.options.hosts.first()) {
        pairs.push((
            example::HOST,
            if host.port == SUBMISSIONS { host.name.clone() } else { format!("{}:{}", host.name, host.port) },
        ));
    }
    pairs.push((example::HOST, argv));
    pairs.push((example::PROGRAM, quote::word(fill.program, file.syntax)?));
    let socket = format!("{}:{}", example::ADDRESS, example::PORT);
    pairs.push((&socket, listen.to_string()));
    // In a column of the comments.
    pairs.push(("127.0.0.1    ", format!("{:<13}", listen.ip())));
    pairs.push((example::ADDRESS, listen.ip().to_string()));
    pairs.push((example::PORT, listen.port().to_string()));
    if listen.is_ipv6() {
        pairs.push(("tcp4", "tcp6".to_owned()));
        pairs.push(("IPv4", "IPv6".to_owned()));
    }
    let mut text = substitute(file.text, &pairs);
    for note in notes {
        text.push_str(&comment(&note, file.syntax));
    }
    Ok(text)
}

/// In one pass, so that what was filled in is never taken for an example.
fn substitute(text: &str, pairs: &[(&str, String)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        match pairs.iter().find_map(|(from, to)| Some((rest.strip_prefix(from)?, to))) {
            Some((behind, to)) => {
                filled.push_str(to);
                rest = behind;
            }
            None => {
                filled.push(next);
                rest = rest.get(next.len_utf8()..).unwrap_or_default();
            }
        }
    }
    filled
}

/// A superserver starts the bridge somewhere else: a file must be found from there.
fn full_path(option: &Given, notes: &mut Vec<String>) -> Result<Given, Error> {
    let (true, Some(value)) = (["--ca-file", "--cert", "--key"].contains(&option.name), &option.value) else {
        return Ok(option.clone());
    };
    if value.starts_with('/') {
        return Ok(option.clone());
    }
    match absolute(value).ok().and_then(|path| path.into_os_string().into_string().ok()) {
        Some(path) => {
            notes.push(format!("{} {} was written as a full path: {}", option.name, shown(value), shown(&path)));
            Ok(Given { name: option.name, value: Some(path) })
        }
        None => refused(format!("{} {}: give the full path, from / on", option.name, shown(value))),
    }
}

/// The credential is root's file in the hands of the service's user: no root in the bridge.
fn systemd_rights(key: Option<&str>, user: Option<&str>) -> Result<String, Error> {
    let mut lines = match user.map(|user| user.split_once(':').ok_or(user)) {
        None => SYSTEMD_USER.to_owned(),
        Some(Ok((uid, gid))) => format!("User={uid}\nGroup={gid}\n"),
        Some(Err(user)) => format!("User={}\n", quote::word(user, Syntax::Xinetd)?),
    };
    if let Some(key) = key {
        lines.push_str("# The key stays root's, mode 0600: systemd reads it and hands a copy to the service alone.\n");
        lines.push_str(&format!("LoadCredential=key:{}\n", key.replace('%', "%%")));
    }
    Ok(lines)
}

/// Where ProtectHome=yes leaves nothing to read (systemd.exec(5)).
fn at_home(path: &str) -> bool {
    ["/home/", "/root/", "/run/user/"].iter().any(|home| path.starts_with(home))
}

/// Whom tcpd is to let through: this machine, and the networks of `--allow-from`.
fn clients(listen: SocketAddr, allow_from: &[Network]) -> String {
    let address = |ip: IpAddr| if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
    let mut clients = vec![address(listen.ip())];
    clients.extend(allow_from.iter().map(|network| format!("{}/{}", address(network.address), network.length)));
    clients.join(" ")
}

fn comment(line: &str, syntax: Syntax) -> String {
    match syntax {
        Syntax::M4 => format!("dnl {line}\n"),
        Syntax::Plist => format!("<!-- {} -->\n", line.replace("--", "- -")),
        Syntax::Inetd | Syntax::Xinetd | Syntax::Systemd | Syntax::Shell | Syntax::Pipe => format!("# {line}\n"),
    }
}

/// The kinds, one line each.
fn list() -> String {
    let mut text = String::new();
    for (role, heading) in
        [(Role::Superserver, "What listens and starts the bridge:"), (Role::MailProgram, "What sends mail through it:")]
    {
        text.push_str(&format!("{heading}\n"));
        for kind in KINDS.iter().filter(|kind| kind.role == role) {
            text.push_str(&format!("  {:<18}{}\n", kind.name, kind.help));
            for file in kind.files.iter().filter(|file| !file.name.is_empty()) {
                text.push_str(&format!("  {:<18}  only {}\n", file.name, file.target));
            }
        }
    }
    text
}

/// Below packaging/.
const MAIL_PROGRAMS: &str = "mta/";
/// It dials the smarthost itself.
const OPENSMTPD: &str = "mta/opensmtpd.conf";
const SYSTEMD_USER: &str = "User=smtps-bridge\n";
const SYSTEMD_HOMES: &str = "ProtectHome=yes\n";
/// Not %d, which systemd knows from version 250 on only.
const SYSTEMD_KEY: &str = "${CREDENTIALS_DIRECTORY}/key";
const LOG_AND_HOST: &str = "--log syslog smtp.example.com";
const MAILER_ARGV: &str = "A=smtps-bridge `smtp.example.com'";
const HOSTS_ALLOW: &str = "hosts.allow: smtps-bridge: 127.0.0.1";
