//! stunnel in front of a plain server that knows AUTH.

use crate::support::namespace::inside_for;
use crate::support::tested::{tested, Role};

use crate::real::machine::version;
use crate::real::LIMIT;

use super::sink::Sink;
use super::{Server, SINK};

/// Goal: every kind of mail arrives as it was sent.
#[test]
fn stunnel_takes_every_kind_of_mail() {
    inside_for(LIMIT, || {
        let Some(server) = stunnel() else { return };
        let taken = server.takes_every_kind_of_mail(&["8BITMIME", "SMTPUTF8", "PIPELINING"]);
        taken.logged(&["tls=TLSv1.3", "end=close_notify"]);
        tested(Role::Smarthost, "stunnel4", "stunnel, before a plain server", &version("stunnel4"), &taken.kinds);
    });
}

/// Goal: its 535 passes unchanged.
#[test]
fn stunnel_refuses_a_wrong_password() {
    inside_for(LIMIT, || {
        let Some(server) = stunnel() else { return };
        server.refuses_a_wrong_password();
    });
}

const CONF: &str = "cert = /etc/smarthost-cert.pem
key = /etc/smarthost-key.pem
[smtps]
accept = 127.0.0.1:465
connect = 127.0.0.1:10025
";

fn stunnel() -> Option<Server> {
    let server = Server::boot_before(|| Sink::demanding_auth(SINK), &["stunnel4"])?;
    Some(server.start("/etc/stunnel/smarthost.conf", CONF, "stunnel4 /etc/stunnel/smarthost.conf"))
}
