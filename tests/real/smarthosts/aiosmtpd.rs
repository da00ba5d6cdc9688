//! aiosmtpd: Python's asyncio with OpenSSL.

use crate::support::namespace::inside_for;
use crate::support::tested::{tested, Role};

use crate::real::machine::version;
use crate::real::LIMIT;

use super::Server;

/// Goal: every kind of mail arrives as it was sent.
#[test]
fn aiosmtpd_takes_every_kind_of_mail() {
    inside_for(LIMIT, || {
        let Some(server) = aiosmtpd() else { return };
        let taken = server.takes_every_kind_of_mail(&["8BITMIME", "SMTPUTF8"]);
        taken.logged(&["tls=TLSv1.3", "end=close_notify"]);
        tested(Role::Smarthost, "aiosmtpd", "aiosmtpd", &version("aiosmtpd"), &taken.kinds);
    });
}

/// Goal: its 535 passes unchanged.
#[test]
fn aiosmtpd_refuses_a_wrong_password() {
    inside_for(LIMIT, || {
        let Some(server) = aiosmtpd() else { return };
        server.refuses_a_wrong_password();
    });
}

fn aiosmtpd() -> Option<Server> {
    let server = Server::boot(&["aiosmtpd"])?;
    let script = "python3 /etc/smarthost.py > /var/tmp/smarthost.log 2>&1 &";
    Some(server.start("/etc/smarthost.py", include_str!("aiosmtpd.py"), script))
}
