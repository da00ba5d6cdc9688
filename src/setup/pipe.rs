//! What starts the bridge itself, by a script of yours: its command stands between ' and ' in sh(1), and is split at spaces.

use crate::error::Error;

use super::quote::{bare, SIGNS};
use super::Fill;

fn command(fill: &Fill) -> Result<String, Error> {
    bare(&[&[fill.program][..], &fill.words()].concat(), "this program", SIGNS)
}

pub fn busybox(fill: &Fill) -> Result<String, Error> {
    let (command, notes) = (command(fill)?, fill.comments());
    Ok(format!(
        r#"#!/bin/sh
# busybox's sendmail through smtps-bridge: no superserver, no port. It reads the message from standard input; the
# recipients are its arguments. There is no queue: what cannot be sent is lost, with the reason on stderr.
# Debian's busybox is built without sendmail: busybox sendmail says so.
#
# -am and the two behind it: AUTH PLAIN, the account, the password, which every user of this machine sees in ps(1).
exec busybox sendmail -f me@example.com -amPLAIN -auaccount -appassword \
    -H '{command}' "$@"
{notes}"#
    ))
}

pub fn swaks(fill: &Fill) -> Result<String, Error> {
    let (command, notes) = (command(fill)?, fill.comments());
    Ok(format!(
        r#"#!/bin/sh
# A message by swaks through smtps-bridge, to see whether your account works: no superserver, no port. It asks for the
# password and shows the whole dialogue, and the bridge's log line behind it.
exec swaks --pipe '{command}' --auth PLAIN --auth-user account \
    --from me@example.com --to you@example.com "$@"
{notes}"#
    ))
}
