//! tcpserver and s6-tcpserver: a run script, which is sh(1), for a supervisor.

use crate::error::Error;

use super::quote::{quoted, shell};
use super::Fill;

/// The bridge's command. Its standard error is the supervisor's.
fn command(fill: &Fill) -> Result<String, Error> {
    let fill = fill.of_superserver().with("--log", Some("syslog"));
    let words = [&[fill.program][..], &fill.words()].concat();
    Ok(words.into_iter().map(|word| quoted(word, shell)).collect::<Result<Vec<_>, _>>()?.join(" "))
}

pub fn tcpserver(fill: &Fill) -> Result<String, Error> {
    let command = command(fill)?;
    let (ip, port, reach) = (fill.listen.ip(), fill.listen.port(), fill.reach());
    let (user, why) = fill.user();
    // tcpserver takes numbers, and changes nothing without them.
    let (rights, mark) = match user {
        "root" => (String::new(), "no -u"),
        _ => (format!(" -u \"$(id -u {user})\" -g \"$(id -g {user})\""), "-u -g"),
    };
    let (proof, notes, login) = (fill.proof(), fill.comments(), fill.require_auth("# "));
    Ok(format!(
        r#"#!/bin/sh
# smtps-bridge under tcpserver (ucspi-tcp). Save this file as /etc/smtps-bridge/run; then, as root, with daemontools or
# runit: chmod 755 /etc/smtps-bridge/run && ln -s /etc/smtps-bridge /etc/service/
# (without either: start /etc/smtps-bridge/run in the background at boot)
# {proof}
#
# {ip:<12} {reach}
# -H -R -l 0   no lookup of the client's name and user, or of our own name: the client would wait for it
# -c 100       at most 100 sessions at once, over ten times what a mail program opens; the next one waits for its turn
# {mark:<12} {user}: {why}
# --log syslog if you read the supervisor's log instead, leave it out
{login}exec tcpserver -q -H -R -l 0 -c 100{rights} {ip} {port} \
	{command}
{notes}"#
    ))
}

pub fn s6(fill: &Fill) -> Result<String, Error> {
    let command = command(fill)?;
    let (ip, port, reach) = (fill.listen.ip(), fill.listen.port(), fill.reach());
    let (user, why) = fill.user();
    let (server, mark) = match user {
        "root" => ("s6-tcpserver".to_owned(), "no -U"),
        _ => (format!("s6-envuidgid {user} s6-tcpserver -U"), "-U"),
    };
    let (proof, notes, login) = (fill.proof(), fill.comments(), fill.require_auth("# "));
    Ok(format!(
        r"#!/bin/sh
# smtps-bridge under s6-tcpserver (s6 and s6-networking). Save this file as /etc/smtps-bridge/run; then, as root:
# chmod 755 /etc/smtps-bridge/run && ln -s /etc/smtps-bridge /run/service/ && s6-svscanctl -a /run/service
# {proof}
#
# {ip:<12} {reach}
# -c -C 100    at most 100 sessions at once, in all and per client, over ten times what a mail program opens; the next one
#              waits for its turn
# {mark:<12} {user}: {why}
# --log syslog if you read the supervisor's log instead, leave it out
{login}exec {server} -c 100 -C 100 {ip} {port} \
	{command}
{notes}"
    ))
}
