//! What starts the bridge itself, by a script of yours: its command stands between ' and ' in sh(1), and is split at spaces.

use crate::error::Error;

use super::quote::{bare, SIGNS};
use super::Fill;

fn command(fill: &Fill) -> Result<String, Error> {
    bare(&[&[fill.program][..], &fill.words()].concat(), "this program", SIGNS)
}

pub fn busybox(fill: &Fill) -> Result<String, Error> {
    // Its standard error is that of the script's user: nothing is written there if all is well.
    let fill = if fill.has("-v") { fill.clone() } else { fill.with("-q", None) };
    let (command, notes) = (command(&fill)?, fill.comments());
    Ok(format!(
        r#"#!/bin/sh
# busybox's sendmail through smtps-bridge, without a superserver and a port. It reads the message from standard input; the
# recipients are its arguments. There is no queue: what cannot be sent is lost, with the reason on stderr.
# Debian's busybox has no sendmail: "busybox sendmail" says so.
#
# The last lines are your account and its password, so only you may read this file: chmod 700. sendmail reads them from
# descriptor 4, because every user of this machine would see its arguments in ps(1).
{notes}exec busybox sendmail -f me@example.com -amPLAIN -H '{command}' "$@" 4<< 'END'
account
password
END
"#
    ))
}

pub fn swaks(fill: &Fill) -> Result<String, Error> {
    let (command, notes) = (command(fill)?, fill.comments());
    Ok(format!(
        r#"#!/bin/sh
# A message by swaks through smtps-bridge, without a superserver and a port, to see whether your account works. It asks for
# the password, and shows the whole dialogue and the bridge's log line.
exec swaks --pipe '{command}' --auth PLAIN --auth-user account \
    --from me@example.com --to you@example.com "$@"
{notes}"#
    ))
}
