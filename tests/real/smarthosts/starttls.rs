//! The same smarthosts on port 587, with STARTTLS.

use crate::real::machine::version;
use crate::real::LIMIT;
use crate::support::namespace::inside_for;
use crate::support::tested::{tested, Role};

use super::dovecot::dovecot;
use super::exim::exim;
use super::opensmtpd::opensmtpd_with;
use super::postfix::postfix;
use super::sendmail::sendmail;
use super::session::bridged;
use super::sink::Sink;
use super::{listens, Server, SINK};

impl Server {
    /// Runs what makes it listen on 587 too, and goes there from now on.
    #[track_caller]
    fn by_starttls(self, script: &str) -> Server {
        self.machine.as_ref().expect("a machine").sh(script);
        self.until("it listens on 587", || listens(587));
        Server { host: "127.0.0.1:587".to_owned(), ..self }
    }

    /// Every kind of mail arrives as it was sent, and a 535 passes.
    #[track_caller]
    fn serves_by_starttls(&self, key: &str, program: &str, at_least: &[&str], end: &str) {
        let taken = self.takes_every_kind_of_mail(at_least);
        taken.logged(&["tls=TLSv1.3", "mode=starttls", end]);
        let (bridge, mut session) = bridged(&self.house, &self.host);
        session.greet();
        let refused = session.login("guess");
        assert!(refused.starts_with("535 "), "{refused:?}");
        assert_eq!(session.quit(bridge).code, 0);
        let version = version(key);
        tested(Role::Smarthost, &format!("starttls-{key}"), program, &version, &taken.kinds);
    }
}

#[test]
fn postfix_serves_by_starttls() {
    inside_for(LIMIT, || {
        let Some(server) = postfix("") else { return };
        let server = server.by_starttls(
            "postconf -M submission/inet='submission inet n - n - - smtpd -o smtpd_tls_security_level=encrypt'
             postfix reload 2> /dev/null",
        );
        let kinds = ["8BITMIME", "SMTPUTF8", "CHUNKING", "PIPELINING"];
        server.serves_by_starttls("postfix", "Postfix, STARTTLS", &kinds, "end=close_notify");
    });
}

#[test]
fn exim_serves_by_starttls() {
    inside_for(LIMIT, || {
        let Some(server) = exim() else { return };
        let server = server.by_starttls("exim4 -bd -oX 587 -oP /run/exim4-587.pid");
        let kinds = ["8BITMIME", "SMTPUTF8", "CHUNKING", "PIPELINING"];
        server.serves_by_starttls("exim", "Exim (GnuTLS), STARTTLS", &kinds, "end=close_notify");
    });
}

#[test]
fn sendmail_serves_by_starttls() {
    inside_for(LIMIT, || {
        let Some(server) = sendmail() else { return };
        let server = server.by_starttls(
            "cd /etc/mail && sed -i 's/^O DaemonPortOptions=.*/&\\nO DaemonPortOptions=Name=MSA, Family=inet, \
             Addr=127.0.0.1, Port=587, M=a/' sendmail.cf
             kill -HUP $(head -1 /run/sendmail/mta/sendmail.pid)",
        );
        server.serves_by_starttls("sendmail", "sendmail, STARTTLS", &["8BITMIME", "PIPELINING"], "end=close_notify");
    });
}

#[test]
fn dovecot_serves_by_starttls() {
    inside_for(LIMIT, || {
        let Some(server) = dovecot() else { return };
        let server = server.by_starttls(
            "sed -i 's/port = 0/port = 587/' /etc/dovecot/dovecot.conf && doveadm reload > /dev/null 2>&1",
        );
        let kinds = ["8BITMIME", "CHUNKING", "PIPELINING"];
        server.serves_by_starttls("dovecot", "Dovecot submission, STARTTLS", &kinds, "end=close_notify");
    });
}

/// Goal: if its TLS fails for every client (see opensmtpd.rs), the client reads a 421 that says so; otherwise it serves as
/// the others do.
#[test]
fn opensmtpd_serves_by_starttls_as_far_as_its_tls_works() {
    inside_for(LIMIT, || {
        const LISTEN: &str =
            "listen on 127.0.0.1 port 587 tls-require pki smarthost hostname smtp.example.com auth <users>\n";
        let Some(server) = opensmtpd_with(LISTEN) else { return };
        let server = server.by_starttls("");
        let (bridge, mut session) = bridged(&server.house, &server.host);
        let reply = session.reply();
        if reply.starts_with("421 ") {
            assert!(reply.starts_with("421 4.7.5 ") && reply.contains("the alert internal_error"), "{reply:?}");
            assert_eq!(session.ends(bridge).code, 76);
            let result = "its TLS fails for every client; the client reads so";
            return tested(Role::Smarthost, "starttls-opensmtpd", "OpenSMTPD, STARTTLS", &version("opensmtpd"), result);
        }
        session.quit(bridge);
        server.serves_by_starttls("opensmtpd", "OpenSMTPD, STARTTLS", &["8BITMIME"], "end=eof");
    });
}

/// Goal: stunnel does the clear-text part itself, in front of a server that has neither TLS nor STARTTLS.
#[test]
fn stunnel_serves_by_starttls() {
    inside_for(LIMIT, || {
        let Some(server) = Server::boot_before(|| Sink::demanding_auth(SINK), &["stunnel4"]) else { return };
        const CONF: &str = "cert = /etc/smarthost-cert.pem\nkey = /etc/smarthost-key.pem\n[submission]\n\
                            accept = 127.0.0.1:587\nconnect = 127.0.0.1:10025\nprotocol = smtp\n";
        let server = server.by_starttls(&format!(
            "mkdir -p /etc/stunnel && printf '{CONF}' > /etc/stunnel/smarthost.conf
             stunnel4 /etc/stunnel/smarthost.conf"
        ));
        let program = "stunnel, protocol = smtp, before a plain server";
        server.serves_by_starttls("stunnel4", program, &["8BITMIME", "PIPELINING"], "end=close_notify");
    });
}
