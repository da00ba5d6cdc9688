//! Exim, as Debian builds it with GnuTLS.

use crate::support::namespace::inside_for;
use crate::support::tested::{tested, Role};

use crate::real::machine::version;
use crate::real::LIMIT;

use super::session::bridged;
use super::Server;

/// Goal: every kind of mail arrives as it was sent.
#[test]
fn exim_takes_every_kind_of_mail() {
    inside_for(LIMIT, || {
        let Some(server) = exim() else { return };
        let taken = server.takes_every_kind_of_mail(&["8BITMIME", "SMTPUTF8", "CHUNKING", "PIPELINING"]);
        taken.logged(&["tls=TLSv1.3", "end=close_notify"]);
        tested(Role::Smarthost, "exim", "Exim (GnuTLS)", &version("exim"), &taken.kinds);
    });
}

/// Goal: its 535 passes unchanged.
#[test]
fn exim_refuses_a_wrong_password() {
    inside_for(LIMIT, || {
        let Some(server) = exim() else { return };
        server.refuses_a_wrong_password();
    });
}

/// Goal: Exim refuses a third connection in plain text, before TLS; the client reads Exim's words, as something that
/// passes, and the place of one that ends is free again.
#[test]
fn exim_refuses_a_third_connection() {
    inside_for(LIMIT, || {
        let Some(server) = exim_with("smtp_accept_max_per_host = 2\n") else { return };
        let open = || bridged(&server.house, &server.host);
        let [(first, mut one), (_second, mut two)] = [open(), open()];
        one.greet();
        two.greet();
        let (third, mut session) = open();
        let reply = session.reply();
        let words = "421 4.3.2 127.0.0.1: the server turned us away before TLS (code 421)";
        assert!(reply.starts_with(words), "{reply:?}");
        assert_eq!(session.ends(third).code, 75);

        one.quit(first).assert("close_notify", 0);
        server.until("there is a place again", || open().1.reply().starts_with("220 "));
    });
}

const CONF: &str = "primary_hostname = smtp.example.com
local_interfaces = 127.0.0.1
daemon_smtp_ports = 465
tls_on_connect_ports = 465
tls_certificate = /etc/smarthost-cert.pem
tls_privatekey = /etc/smarthost-key.pem
log_file_path = syslog
message_size_limit = 40M
acl_smtp_rcpt = rcpt
begin acl
rcpt:
  accept authenticated = *
  deny message = authentication required
begin routers
all:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = sink
begin transports
sink:
  driver = smtp
  port = 10025
  allow_localhost
  max_rcpt = 0
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_set_id = $auth2
  server_condition = ${if and{{eq{$auth2}{alice}}{eq{$auth3}{secret}}}}
";

pub fn exim() -> Option<Server> {
    exim_with("")
}

/// It takes mail from anyone, and does not offer to take it ahead of the reply to EHLO.
pub fn open_exim() -> Option<Server> {
    let conf = CONF.replace("accept authenticated = *", "accept");
    configured(&format!("pipelining_connect_advertise_hosts =\n{conf}"))
}

pub fn exim_with(more: &str) -> Option<Server> {
    configured(&format!("{more}{CONF}"))
}

fn configured(conf: &str) -> Option<Server> {
    let server = Server::boot(&["exim"])?;
    let script = "printf 'Debian-exim:x:990:990::/var/spool/exim4:/bin/false\n' >> /etc/passwd
        printf 'Debian-exim:x:990:\n' >> /etc/group
        chown Debian-exim: /etc/smarthost-key.pem
        install -d -o Debian-exim -g Debian-exim /var/spool/exim4 /var/log/exim4
        exim4 -bd";
    Some(server.start("/etc/exim4/exim4.conf", conf, script))
}
