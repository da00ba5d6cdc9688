//! Postfix: a transport of its own in master.cf, and what sends the mail there in main.cf.

use crate::error::Error;

use super::fill::ONE_PROVIDER;
use super::Fill;

pub fn main(fill: &Fill) -> Result<String, Error> {
    let (ip, port) = fill.port()?;
    Ok(format!(
        r#"# smtps-bridge for Postfix, the first of two parts. These lines go to the end of /etc/postfix/main.cf, in place of what
# stands there under the same names.
#
# default_transport: to "smtps-bridge" in master.cf, and there to this port. The brackets stand for: no MX.
default_transport = smtps-bridge:[{ip}]:{port}
relay_transport = smtps-bridge:[{ip}]:{port}
relayhost =
smtps_bridge_password_maps = hash:/etc/postfix/smtps-bridge-password
#
# The password, as one line in /etc/postfix/smtps-bridge-password; the key is where Postfix connects to, not your
# provider's name:
#password: [{ip}]:{port} account:password
# then, as root: chmod 600 /etc/postfix/smtps-bridge-password && postmap hash:/etc/postfix/smtps-bridge-password
# PLAIN needs Cyrus SASL's plugin (Debian: libsasl2-modules).
#
# {ONE_PROVIDER}
"#
    ))
}

pub fn master(_: &Fill) -> Result<String, Error> {
    Ok(r#"# smtps-bridge for Postfix, the second part. These lines go to the end of /etc/postfix/master.cf; then, as root:
# postfix check && postfix reload
#
# 2            parallel deliveries, for all of the mail: providers dislike bursts
# noanonymous  PLAIN and LOGIN are allowed: this hop is plain text, and does not leave the machine
# none         a smarthost that offers STARTTLS inside the tunnel must not get TLS in TLS
smtps-bridge unix - - n - 2 smtp
  -o smtp_sasl_auth_enable=yes
  -o smtp_sasl_password_maps=$smtps_bridge_password_maps
  -o smtp_sasl_security_options=noanonymous
  -o smtp_tls_security_level=none
  -o smtp_tls_wrappermode=no
#
# The proof, as root: echo hello | sendmail -v you@example.com (a report comes to your mailbox), or look at the log:
#              grep smtps-bridge /var/log/mail.log shows "status=sent"
# The queue, with the reason: postqueue -p
# Try again now: postqueue -f
"#
    .to_owned())
}
