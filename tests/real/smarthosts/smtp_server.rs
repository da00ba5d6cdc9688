//! smtp-server, which Node programs embed.

use crate::support::namespace::{inside_for, without_tool};
use crate::support::tested::{tested, Role};

use crate::real::machine::version;
use crate::real::LIMIT;

use super::Server;

/// Goal: every kind of mail arrives as it was sent.
#[test]
fn smtp_server_takes_every_kind_of_mail() {
    inside_for(LIMIT, || {
        let Some(server) = smtp_server() else { return };
        let taken = server.takes_every_kind_of_mail(&["8BITMIME", "SMTPUTF8", "PIPELINING"]);
        taken.logged(&["tls=TLSv1.3", "end=close_notify"]);
        tested(Role::Smarthost, "smtp-server", "smtp-server (Node)", &version("smtp-server"), &taken.kinds);
    });
}

/// Goal: its 535 passes unchanged.
#[test]
fn smtp_server_refuses_a_wrong_password() {
    inside_for(LIMIT, || {
        let Some(server) = smtp_server() else { return };
        server.refuses_a_wrong_password();
    });
}

fn smtp_server() -> Option<Server> {
    if without_tool("node") {
        return None;
    }
    let server = Server::boot(&["smtp-server"])?;
    let script = "NODE_PATH=/usr/lib/node_modules node /etc/smarthost.js > /var/tmp/smarthost.log 2>&1 &";
    Some(server.start("/etc/smarthost.js", include_str!("smtp_server.js"), script))
}
