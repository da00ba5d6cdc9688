//! OpenSMTPD, which speaks implicit TLS itself and needs the bridge only where it does not log in.

use crate::error::Error;
use crate::options::SUBMISSIONS;

use super::quote::refused;
use super::Fill;

pub fn text(fill: &Fill) -> Result<String, Error> {
    let (ip, port) = fill.port()?;
    let Some(host) = fill.options.hosts.first() else { return refused("no HOST") };
    let smarthost = if host.port == SUBMISSIONS { host.name.clone() } else { format!("{}:{}", host.name, host.port) };
    Ok(format!(
        r#"# OpenSMTPD does not need smtps-bridge, and with AUTH cannot use it: it never sends a password over a hop without TLS of
# its own, be it {ip}. It speaks implicit TLS itself. These lines go into /etc/smtpd.conf; then, as root:
# smtpd -n && systemctl restart opensmtpd
table secrets file:/etc/mail/secrets
action "smarthost" relay host smtps://provider@{smarthost} auth <secrets>
match from local for any action "smarthost"
#
# The password, as one line in /etc/mail/secrets, mode 0640, group opensmtpd:
#password: provider account:password
#
# Only where the smarthost takes mail without a password, because it knows this machine's address or the certificate that
# --cert shows, the bridge can stand between them, with this in place of the action above:
#bridge: action "smarthost" relay host smtp://{ip}:{port}
#
# The queue: smtpctl show queue. The reason: smtpctl show queue, and the log. Try again now: smtpctl schedule all
"#
    ))
}
