//! `--print-config`: the lines of superservers and mail programs, with the command line, the program's own path and the
//! address of `--listen` in them. Each family has a file, which owns its text, its quoting and its special cases. Nothing
//! is asked of the network, and nothing is written but standard output. An error is `Error::Usage`: a word that the target
//! cannot hold, and the cure.

mod exim;
mod fill;
mod found;
mod inetd;
mod launchd;
mod opensmtpd;
mod pipe;
mod postfix;
mod quote;
mod sendmail;
mod small;
mod systemd;
mod ucspi;
mod xinetd;

use std::env;

use nix::unistd::User;

use crate::error::{Error, Failure};
use crate::kinds::Wanted;
use crate::options::Lines;
use crate::stdio::{self, Local};

pub use fill::Fill;

use fill::NOBODY;
use quote::refused;

/// The packages and systemd's lines make it. Nothing else runs as it, so nothing else can look into a session.
const SERVICE_USER: &str = "smtps-bridge";

/// In the order of the list, in which a machine is searched for them too: systemd last, because an inetd is there only if
/// somebody wanted it; FreeBSD and macOS, which have /usr/sbin/inetd too, before the others.
#[rustfmt::skip]
pub static SUPERSERVERS: [Kind; 8] = [
    kind("xinetd", "a file for /etc/xinetd.d",
        &["/usr/sbin/xinetd", "/usr/local/sbin/xinetd"], &[only(xinetd::text)]),
    kind("inetd-freebsd", "a line for FreeBSD's inetd, and one for /etc/services",
        &["/bin/freebsd-version"], &[only(inetd::freebsd)]),
    kind("launchd", "a property list for macOS", &["/System/Library/LaunchDaemons"], &[only(launchd::text)]),
    kind("inetd-debian", "a line for openbsd-inetd or inetutils-inetd",
        &["/usr/sbin/inetd", "/usr/sbin/inetutils-inetd"], &[only(inetd::debian)]),
    kind("inetd-busybox", "a line for busybox's inetd", &[], &[only(inetd::busybox)]),
    kind("tcpserver", "a run script for ucspi-tcp, with daemontools or runit", &[], &[only(ucspi::tcpserver)]),
    kind("s6", "a run script for s6-tcpserver", &[], &[only(ucspi::s6)]),
    kind("systemd", "a socket, a service and their user", &["/run/systemd/system"], &[
        file("systemd.socket", "/etc/systemd/system/smtps-bridge.socket", systemd::socket),
        file("systemd.service", "/etc/systemd/system/smtps-bridge@.service", systemd::service),
        file("systemd.sysusers", "/etc/sysusers.d/smtps-bridge.conf", systemd::sysusers),
    ]),
];

#[rustfmt::skip]
pub static MAIL_PROGRAMS: [Kind; 12] = [
    kind("sendmail", "lines for sendmail.mc: sendmail starts the bridge",
        &["/usr/libexec/sendmail/sendmail", "/usr/sbin/sendmail.sendmail", "/usr/lib/sm.bin/sendmail"],
        &[only(sendmail::mailer)]),
    kind("sendmail-port", "lines for sendmail.mc, through a superserver's port", &[], &[only(sendmail::port)]),
    kind("postfix", "lines for main.cf and master.cf", &["/usr/sbin/postfix"], &[
        file("postfix.main", "/etc/postfix/main.cf", postfix::main),
        file("postfix.master", "/etc/postfix/master.cf", postfix::master),
    ]),
    kind("exim", "a router and a transport, in Debian's files or in your own",
        &["/usr/sbin/exim4", "/usr/sbin/exim"], &[
        file("exim.main", "/etc/exim4/conf.d/main/00_smtps-bridge", exim::main),
        file("exim.router", "/etc/exim4/conf.d/router/170_smtps-bridge", exim::router),
        file("exim.transport", "/etc/exim4/conf.d/transport/30_smtps-bridge", exim::transport),
    ]),
    kind("opensmtpd", "its own implicit TLS, and why not the bridge",
        &["/usr/sbin/smtpctl"], &[only(opensmtpd::text)]),
    kind("nullmailer", "a line for remotes", &["/usr/sbin/nullmailer-send"], &[only(small::nullmailer)]),
    kind("dma", "lines for dma.conf", &["/usr/sbin/dma"], &[only(small::dma)]),
    kind("msmtp", "an account for msmtprc", &["/usr/bin/msmtp"], &[only(small::msmtp)]),
    kind("ssmtp", "lines for ssmtp.conf", &["/usr/sbin/ssmtp"], &[only(small::ssmtp)]),
    kind("qmail", "a line for smtproutes: it cannot log in", &["/var/qmail/bin/qmail-remote"], &[only(small::qmail)]),
    kind("busybox", "a script for its sendmail, without a port", &[], &[only(pipe::busybox)]),
    kind("swaks", "a test message, without a port", &[], &[only(pipe::swaks)]),
];

pub struct Kind {
    pub name: &'static str,
    pub help: &'static str,
    /// One of these files shows that it is installed; empty if none does. Programs: a configuration may be left over.
    pub signs: &'static [&'static str],
    pub files: &'static [File],
}

pub struct File {
    /// `systemd.socket`; empty for the only file of a kind.
    pub name: &'static str,
    /// Where it goes.
    pub target: &'static str,
    pub text: Text,
}

type Text = fn(&Fill) -> Result<String, Error>;

pub fn kinds() -> impl Iterator<Item = &'static Kind> {
    SUPERSERVERS.iter().chain(&MAIL_PROGRAMS)
}

/// What goes to standard output. A stranger gets `Error::Stranger`.
pub fn print(lines: Option<&Lines>, local: &mut Local) -> Result<String, Error> {
    if let Err(error @ Error::Stranger { .. }) = stdio::admit(local, &[]) {
        return Err(error);
    }
    let Some(lines) = lines else { return Ok(list()) };
    let program = env::current_exe().ok().and_then(|path| path.into_os_string().into_string().ok());
    let Some(program) = program else { return refused("the path of this program cannot be found, or is no UTF-8") };
    let service_user = match User::from_name(SERVICE_USER) {
        Ok(Some(_)) => SERVICE_USER,
        _ => NOBODY,
    };
    let fill = Fill::new(&program, service_user, lines)?;
    match lines.wanted {
        Wanted::List => Ok(list()),
        Wanted::Named(name) => named(name, &fill),
        Wanted::Found | Wanted::FoundWithListener => found::print(lines.wanted, &fill),
    }
}

/// Why nothing is printed, if stderr cannot say it. A stranger reads nothing.
pub fn complain(error: Error, local: &mut Local) -> Failure {
    if !matches!(stdio::admit(local, &[]), Err(Error::Stranger { .. })) {
        stdio::complain(&error.to_string(), local);
    }
    error.into()
}

/// One file, or all of a kind, an empty line between them.
pub fn named(name: &str, fill: &Fill) -> Result<String, Error> {
    let mut texts = Vec::new();
    for kind in kinds() {
        for file in kind.files.iter().filter(|file| [kind.name, file.name].contains(&name)) {
            texts.push((file.text)(fill)?);
        }
    }
    Ok(texts.join("\n"))
}

/// The kinds, one line each.
fn list() -> String {
    let mut text = String::new();
    for (heading, kinds) in
        [("What listens and starts the bridge:", &SUPERSERVERS[..]), ("What sends mail through it:", &MAIL_PROGRAMS)]
    {
        text.push_str(&format!("{heading}\n"));
        for kind in kinds {
            text.push_str(&format!("  {:<18}{}\n", kind.name, kind.help));
            for file in kind.files.iter().filter(|file| !file.name.is_empty()) {
                text.push_str(&format!("  {:<18}  only {}\n", file.name, file.target));
            }
        }
    }
    text
}

const fn kind(name: &'static str, help: &'static str, signs: &'static [&'static str], files: &'static [File]) -> Kind {
    Kind { name, help, signs, files }
}

const fn file(name: &'static str, target: &'static str, text: Text) -> File {
    File { name, target, text }
}

const fn only(text: Text) -> File {
    file("", "", text)
}
