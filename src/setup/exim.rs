//! Exim: a router and a transport, and what they need in the main part.

use crate::error::Error;

use super::fill::ONE_PROVIDER;
use super::Fill;

pub fn main(fill: &Fill) -> Result<String, Error> {
    let (ip, _) = fill.port()?;
    Ok(format!(
        r#"# smtps-bridge for Exim, the first of three parts: /etc/exim4/conf.d/main/00_smtps-bridge. Debian reads the three files only
# after you have set dc_use_split_config='true' in /etc/exim4/update-exim4.conf.conf. Elsewhere all parts go into the one
# configuration file: this at its top, the router above the others that send mail away, the transport among the transports.
#
# This lets Debian's authenticators send the password over a plain hop, which does not leave this machine. It holds for every
# host in passwd.client, so leave none there that is reached without TLS. Elsewhere an authenticator does it. It goes below
# "begin authenticators", in place of another client's authenticator with that public name:
#elsewhere: smtps_bridge:
#elsewhere:   driver = plaintext
#elsewhere:   public_name = PLAIN
#elsewhere:   client_condition = ${{if eq{{$transport_name}}{{smtps_bridge}}}}
#elsewhere:   client_send = ^account^password
AUTH_CLIENT_ALLOW_NOTLS_PASSWORDS = true
# Parallel deliveries of one message, because providers dislike bursts.
remote_max_parallel = 2
#
# The password, as one line in /etc/exim4/passwd.client; the key is where Exim connects to, not your provider's name:
#password: {ip}:account:password
# then, as root: cd /etc/exim4 && chown root:Debian-exim passwd.client && chmod 640 passwd.client
#
# Many providers accept only your own address as the sender, refuse others with 553 or 550, and so bounce the mail. If yours
# is one of them, as root, for each user who sends mail: echo root: me@example.com >> /etc/email-addresses
#
# {ONE_PROVIDER}
"#
    ))
}

pub fn router(fill: &Fill) -> Result<String, Error> {
    let (ip, port) = fill.port()?;
    Ok(format!(
        r"# smtps-bridge for Exim, the second part: /etc/exim4/conf.d/router/170_smtps-bridge.
#
# self = send: the mail goes to {ip}, although that is this machine.
smtps_bridge:
  driver = manualroute
  domains = ! +local_domains
  transport = smtps_bridge
  route_list = * {ip}::{port}
  self = send
  no_more
"
    ))
}

pub fn transport(fill: &Fill) -> Result<String, Error> {
    let (ip, _) = fill.port()?;
    Ok(format!(
        r#"# smtps-bridge for Exim, the third part: /etc/exim4/conf.d/transport/30_smtps-bridge. Then, as root:
# update-exim4.conf && systemctl restart exim4
#
# hosts_require_auth  keeps mail in the queue while the password is missing or wrong; the smarthost's "530
#                     Authentication required" would bounce it
# hosts_avoid_tls     if the smarthost offers STARTTLS inside the tunnel, do not start TLS in TLS
# multi_domain        one session for all recipients
smtps_bridge:
  driver = smtp
  allow_localhost
  multi_domain
  hosts_require_auth = {ip}
  hosts_avoid_tls = *
#
# The proof, as root: echo hello | exim4 -v -odf you@example.com
# The queue: exim4 -bp. The reason: exim4 -Mvl and the message's id, or /var/log/exim4/mainlog
# To try again now, as root: exim4 -qff
"#
    ))
}
