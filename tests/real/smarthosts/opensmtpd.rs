//! OpenSMTPD with `smtps`. Debian 12 has it built with an OpenSSL with which its TLS fails for every client
//! (OpenSMTPD's issue 1171); there the client reads a 421 with that reason.

use crate::support::namespace::{inside_for, without_tool};
use crate::support::tested::{tested, Role};

use crate::real::machine::version;
use crate::real::LIMIT;

use super::session::{bridged, straight};
use super::Server;

/// Goal: every kind of mail arrives as it was sent.
#[test]
fn opensmtpd_takes_every_kind_of_mail() {
    inside_for(LIMIT, || {
        let Some(server) = opensmtpd() else { return };
        if fails(&server) {
            let result = "its TLS fails for every client; the client reads so";
            return tested(Role::Smarthost, "opensmtpd", "OpenSMTPD", &version("opensmtpd"), result);
        }
        let taken = server.takes_every_kind_of_mail(&["8BITMIME"]);
        // It closes without a close_notify, behind its 221: clean all the same.
        taken.logged(&["tls=TLSv1.3", "end=eof"]);
        tested(Role::Smarthost, "opensmtpd", "OpenSMTPD", &version("opensmtpd"), &taken.kinds);
    });
}

/// Goal: its 535 passes unchanged, if its TLS works at all.
#[test]
fn opensmtpd_refuses_a_wrong_password() {
    inside_for(LIMIT, || {
        let Some(server) = opensmtpd() else { return };
        if !fails(&server) {
            server.refuses_a_wrong_password();
        }
    });
}

/// True if openssl(1) gets no TLS either; then the client of the bridge reads what the server did.
#[track_caller]
fn fails(server: &Server) -> bool {
    let (_openssl, mut session) = straight(&server.house, &server.host);
    if !session.silent() {
        return false;
    }
    let (bridge, mut session) = bridged(&server.house, &server.host);
    let reply = session.reply();
    assert!(reply.contains("the server ended TLS with the alert internal_error"), "{reply:?}");
    assert!(reply.starts_with("421 4.7.5 ") && session.ends(bridge).code == 76, "{reply:?}");
    true
}

const CONF: &str = "pki smarthost cert \"/etc/smarthost-cert.pem\"
pki smarthost key \"/etc/smarthost-key.pem\"
table users file:/etc/smarthost-users
smtp max-message-size \"40M\"
listen on 127.0.0.1 smtps pki smarthost hostname smtp.example.com auth <users>
action sink relay host smtp://127.0.0.1:10025
match auth from any for any action sink
";

fn opensmtpd() -> Option<Server> {
    opensmtpd_with("")
}

pub fn opensmtpd_with(more: &str) -> Option<Server> {
    if without_tool("openssl") {
        return None;
    }
    let server = Server::boot(&["opensmtpd"])?;
    Some(server.start("/etc/smtpd.conf", &format!("{CONF}{more}"), SCRIPT))
}

/// Its TLS is stunnel's, and it takes mail from anyone.
pub fn opensmtpd_behind_stunnel() -> Option<Server> {
    let server = Server::boot(&["opensmtpd", "stunnel4"])?;
    let conf = "listen on 127.0.0.1 port 25 hostname smtp.example.com
action sink relay host smtp://127.0.0.1:10025
match from any for any action sink
";
    // smtpd is back before it listens, and stunnel resets a client whose connection it cannot hand on.
    let script = format!(
        "{SCRIPT}
        until grep -q ':0019 00000000:0000 0A ' /proc/net/tcp; do sleep 0.01; done
        mkdir -p /etc/stunnel
        printf 'cert = /etc/smarthost-cert.pem\nkey = /etc/smarthost-key.pem\n' > /etc/stunnel/smarthost.conf
        printf '[smtps]\naccept = 127.0.0.1:465\nconnect = 127.0.0.1:25\n' >> /etc/stunnel/smarthost.conf
        stunnel4 /etc/stunnel/smarthost.conf"
    );
    Some(server.start("/etc/smtpd.conf", conf, &script))
}

const SCRIPT: &str =
    "printf 'opensmtpd:x:990:990::/var:/bin/false\nopensmtpq:x:991:991::/var:/bin/false\n' >> /etc/passwd
    printf 'opensmtpd:x:990:\nopensmtpq:x:991:\n' >> /etc/group
    install -d -m 711 /var/spool/smtpd /var/lib/opensmtpd/empty
    install -d -m 700 -o opensmtpq /var/spool/smtpd/purge
    echo \"alice $(openssl passwd -6 secret)\" > /etc/smarthost-users
    touch /etc/aliases
    smtpd";
