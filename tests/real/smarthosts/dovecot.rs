//! Dovecot submissions in front of a plain relay.

use crate::support::namespace::inside_for;
use crate::support::tested::{tested, Role};

use crate::real::machine::version;
use crate::real::LIMIT;

use super::Server;

/// Goal: every kind of mail arrives as it was sent.
#[test]
fn dovecot_takes_every_kind_of_mail() {
    inside_for(LIMIT, || {
        let Some(server) = dovecot() else { return };
        let taken = server.takes_every_kind_of_mail(&["8BITMIME", "CHUNKING", "PIPELINING"]);
        taken.logged(&["tls=TLSv1.3", "end=close_notify"]);
        tested(Role::Smarthost, "dovecot", "Dovecot submissions", &version("dovecot"), &taken.kinds);
    });
}

/// Goal: its 535 passes unchanged.
#[test]
fn dovecot_refuses_a_wrong_password() {
    inside_for(LIMIT, || {
        let Some(server) = dovecot() else { return };
        server.refuses_a_wrong_password();
    });
}

const CONF: &str = "protocols = submission
listen = 127.0.0.1
hostname = smtp.example.com
ssl = yes
ssl_cert = </etc/smarthost-cert.pem
ssl_key = </etc/smarthost-key.pem
service submission-login {
  inet_listener submission {
    port = 0
  }
  inet_listener submissions {
    port = 465
    ssl = yes
  }
}
passdb {
  driver = passwd-file
  args = /etc/smarthost-users
}
userdb {
  driver = static
  args = uid=990 gid=990 home=/var/tmp
}
mail_location = maildir:~/mail
submission_relay_host = 127.0.0.1
submission_relay_port = 10025
submission_max_mail_size = 40M
auth_failure_delay = 0
";

pub fn dovecot() -> Option<Server> {
    let server = Server::boot(&["dovecot"])?;
    let script = "printf 'dovecot:x:990:990::/:/bin/false\ndovenull:x:991:991::/:/bin/false\n' >> /etc/passwd
        printf 'dovecot:x:990:\ndovenull:x:991:\n' >> /etc/group
        printf 'alice:{PLAIN}secret\n' > /etc/smarthost-users
        chmod 1777 /var/tmp
        dovecot > /var/tmp/smarthost.log 2>&1";
    Some(server.start("/etc/dovecot/dovecot.conf", CONF, script))
}
