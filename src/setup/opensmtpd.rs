//! OpenSMTPD, which speaks TLS itself and needs the bridge only if it does not log in.

use std::net::IpAddr;

use crate::error::Error;
use crate::options::{Dial, SUBMISSIONS};

use super::quote::shown;
use super::Fill;

/// The options that its own TLS does not have.
const ONLY_OURS: [&str; 10] =
    ["--server-name", "--ca-file", "--pin", "--pin-only", "--cert", "--key", "--min-tls", "--no-pq", "-4", "-6"];

pub fn text(fill: &Fill) -> Result<String, Error> {
    let (ip, port) = fill.port()?;
    let mut smarthost = match &fill.smarthost.dial {
        Dial::Address(IpAddr::V6(address)) => format!("[{address}]"),
        _ => fill.smarthost.name.clone(),
    };
    let (scheme, tls) = if fill.has("--starttls") { ("smtp+tls", "STARTTLS") } else { ("smtps", "implicit TLS") };
    // The port of smtp+tls is 25.
    if (scheme, fill.smarthost.port) != ("smtps", SUBMISSIONS) {
        smarthost.push_str(&format!(":{}", fill.smarthost.port));
    }
    let warning = warning(fill);
    Ok(format!(
        r#"# OpenSMTPD does not need smtps-bridge, and cannot log in through it: without TLS of its own it sends no password, not even
# to {ip}. It speaks {tls} itself. Put these lines into /etc/smtpd.conf; then, as root:
# smtpd -n && systemctl restart opensmtpd
{warning}table secrets file:/etc/mail/secrets
action "smarthost" relay host {scheme}://provider@{smarthost} auth <secrets>
match from local for any action "smarthost"
#
# The password, as one line in /etc/mail/secrets, mode 0640, group opensmtpd:
#password: provider account:password
#
# Only if the smarthost takes mail without a password, because it knows this machine's address or your --cert, OpenSMTPD can
# use the bridge, without --require-auth, and with this in place of the action above:
#bridge: action "smarthost" relay host smtp://{ip}:{port}
#
# The queue: smtpctl show queue. The reason: smtpctl show queue, and the log. To try again now: smtpctl schedule all
"#
    ))
}

fn warning(fill: &Fill) -> String {
    let options = fill.given.iter().filter(|option| ONLY_OURS.contains(&option.name));
    let words = options.flat_map(|option| [Some(option.name), option.value.as_deref()]).flatten();
    let lost: Vec<String> = words.chain(fill.hosts.iter().skip(1).map(String::as_str)).map(shown).collect();
    if lost.is_empty() {
        return String::new();
    }
    format!(
        "# WARNING: OpenSMTPD has nothing for these words of yours, and the lines do without: {}\n\
         # It trusts the CA certificates of the system, for the name of this one host.\n",
        lost.join(" ")
    )
}
