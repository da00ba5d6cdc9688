//! Postfix: a transport of its own in master.cf, and what sends the mail there in main.cf.

use crate::error::Error;

use super::fill::ONE_PROVIDER;
use super::Fill;

pub fn main(fill: &Fill) -> Result<String, Error> {
    let (ip, port) = fill.port()?;
    Ok(format!(
        r#"# smtps-bridge for Postfix, the first of two parts: parameters of /etc/postfix/main.cf. Set each with postconf -e, as in
# postconf -e 'relayhost =', which replaces the old value; or edit the file, and delete old lines of the same names.
#
# default_transport: to "smtps-bridge" in master.cf, and there to this port. The brackets mean: no MX lookup.
default_transport = smtps-bridge:[{ip}]:{port}
relay_transport = smtps-bridge:[{ip}]:{port}
relayhost =
smtps_bridge_password_maps = hash:/etc/postfix/smtps-bridge-password
#
# The password, as one line in /etc/postfix/smtps-bridge-password; the key is where Postfix connects to, not your
# provider's name:
#password: [{ip}]:{port} account:password
# then, as root: chmod 600 /etc/postfix/smtps-bridge-password && postmap hash:/etc/postfix/smtps-bridge-password
# To log in, Postfix needs Cyrus SASL's PLAIN (Debian: the package libsasl2-modules).
#
# Many providers accept only your own address as the sender, refuse others with 553 or 550, and so bounce the mail. If yours
# is one of them, as root: postconf -e sender_canonical_maps=static:me@example.com
#
# {ONE_PROVIDER}
"#
    ))
}

pub fn master(_: &Fill) -> Result<String, Error> {
    Ok(r#"# smtps-bridge for Postfix, the second part. Append these lines to /etc/postfix/master.cf; then, as root:
# postfix check && postfix reload
#
# 2            parallel deliveries for all of the mail, because providers dislike bursts
# noanonymous  PLAIN and LOGIN are allowed: this hop is plain text, and does not leave the machine
# none         if the smarthost offers STARTTLS inside the tunnel, do not start TLS in TLS
smtps-bridge unix - - n - 2 smtp
  -o smtp_sasl_auth_enable=yes
  -o smtp_sasl_password_maps=$smtps_bridge_password_maps
  -o smtp_sasl_security_options=noanonymous
  -o smtp_tls_security_level=none
  -o smtp_tls_wrappermode=no
#
# The proof, as root: echo hello | sendmail -v you@example.com (a report comes to your mailbox). The log has it too:
#              journalctl | grep status=, or /var/log/mail.log, shows "status=sent"
# The queue, with the reason: postqueue -p
# To try again now: postqueue -f
"#
    .to_owned())
}
