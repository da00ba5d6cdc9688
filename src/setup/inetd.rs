//! inetd: one line, split at spaces, without quotes, and of at most 20 words.

use crate::error::Error;

use super::quote::{bare, refused, SIGNS};
use super::Fill;

/// MAXARGV of the inetds of 4.4BSD, the program's own name among them; what is behind them they drop without a word.
const MOST_WORDS: usize = 20;

/// The program's path, and the words behind its name.
fn command<'a>(fill: &Fill<'a>) -> Result<(&'a str, String), Error> {
    let fill = fill.of_superserver();
    let words = fill.words();
    if words.len() >= MOST_WORDS {
        return refused(format!(
            "inetd drops what is behind the {MOST_WORDS}th word of a command, and this one has {}: use fewer options, \
             xinetd or systemd, or a script that inetd starts",
            words.len() + 1
        ));
    }
    bare(&[fill.program], "inetd", SIGNS)?;
    Ok((fill.program, bare(&words, "inetd", SIGNS)?))
}

/// The address's own family.
fn protocol(fill: &Fill) -> &'static str {
    if fill.listen.is_ipv6() {
        return "tcp6";
    }
    "tcp4"
}

pub fn debian(fill: &Fill) -> Result<String, Error> {
    let (program, words) = command(fill)?;
    let (listen, protocol, reach) = (fill.listen, protocol(fill), fill.reach());
    let ip = listen.ip();
    let (user, why) = fill.user();
    let (proof, allow, notes, login) = (fill.proof(), fill.hosts_allow(), fill.comments(), fill.require_auth("# "));
    Ok(format!(
        r#"# smtps-bridge under openbsd-inetd or inetutils-inetd. Put this line into /etc/inetd.conf; then, as root:
# systemctl restart inetd   (inetutils-inetd: systemctl restart inetutils-inetd; without systemd, if inetd runs already:
# kill -HUP $(cat /run/inetd.pid))
# {proof}
#
# {ip:<12} {reach}
# {protocol}         the address's own family: with "tcp" inetd tries the other one too, and complains
# nowait.6000  one process per connection. inetd stops a service for ten minutes after so many starts in a minute, and
#              the default of openbsd-inetd, 256, is less than a queue of 300 messages flushed at once (that of
#              inetutils-inetd is 40 by its manual; its version 2.4 has none). 6000 is far more than two parallel
#              deliveries of a mail program reach, and still ends a loop.
# {user:<12} {why}
{login}{listen} stream {protocol} nowait.6000 {user} {program} smtps-bridge {words}
#
# tcpd is not needed: the bridge refuses strangers by itself and says why, while a client that tcpd refuses gets no
# greeting at all. If all your services are behind tcpd, put this line into /etc/inetd.conf instead, and the other one into
# /etc/hosts.allow, because "ALL: ALL" in /etc/hosts.deny would keep all mail waiting:
#inetd.conf: {listen} stream {protocol} nowait.6000 {user} /usr/sbin/tcpd {program} {words}
#hosts.allow: {allow}
{notes}"#
    ))
}

/// As in openbsd-inetd, from which it comes; but "tcp4" and the brackets of an IPv6 address are unknown to it.
pub fn busybox(fill: &Fill) -> Result<String, Error> {
    let (program, words) = command(fill)?;
    let (ip, port, reach) = (fill.listen.ip(), fill.listen.port(), fill.reach());
    let protocol = if ip.is_ipv6() { "tcp6" } else { "tcp" };
    let (user, why) = fill.user();
    let (proof, notes, login) = (fill.proof(), fill.comments(), fill.require_auth("# "));
    Ok(format!(
        r"# smtps-bridge under busybox's inetd. Put this line into /etc/inetd.conf; then, as root:
# kill -HUP $(pidof inetd)
# {proof}
#
# {ip:<12} {reach}
# {protocol:<12} the address's own family
# nowait.6000  one process per connection. After so many starts in a minute inetd stops the service for a minute. 6000 is
#              far more than two parallel deliveries of a mail program reach, and still ends a loop.
# {user:<12} {why}
{login}{ip}:{port} stream {protocol} nowait.6000 {user} {program} smtps-bridge {words}
{notes}"
    ))
}

pub fn freebsd(fill: &Fill) -> Result<String, Error> {
    let (program, words) = command(fill)?;
    let (port, protocol) = (fill.listen.port(), protocol(fill));
    let (user, why) = fill.user();
    let (proof, allow, notes, login) = (fill.proof(), fill.hosts_allow(), fill.comments(), fill.require_auth("# "));
    Ok(format!(
        r#"# smtps-bridge under the inetd of FreeBSD, which has no address per line, only -a for all of them. So the service has a
# name. Put this into /etc/services:
#services: smtps-bridge {port}/tcp
# and the line below into /etc/inetd.conf. Then, as root:
# sysrc inetd_enable=YES inetd_flags="-wW -C 60 -R 6000" && service inetd restart
# {proof}
#
# WARNING: this listens on every address of the machine. The bridge itself refuses strangers: a client that is neither on
# this machine nor in --allow-from reads a 421 and gets no session. Use a firewall as well.
#
# {protocol}         the address's own family
# nowait/20/0  at most 20 sessions at once, ten times the two parallel deliveries of a mail program; the 21st waits. The
#              0 lifts the limit of -C, 60 starts per minute from one client, because all of them are this machine.
# -R 6000      starts per minute of one service. The default, 256, is less than a queue of 300 messages flushed at once.
#              Above it inetd stops the service. 6000 still ends a loop.
# {user:<12} {why}
{login}smtps-bridge stream {protocol} nowait/20/0 {user} {program} smtps-bridge {words}
#
# With -w in its flags, as above, inetd asks /etc/hosts.allow. FreeBSD's allows all. If yours does not, a client that it
# refuses gets no greeting at all, and all mail waits. Put this line above the others there:
#hosts.allow: {allow} : allow
{notes}"#
    ))
}
