//! sendmail with a port of modifier `s`, and Cyrus SASL.

use crate::support::namespace::inside_for;
use crate::support::tested::{tested, Role};

use crate::real::machine::version;
use crate::real::LIMIT;

use super::Server;

/// Goal: every kind of mail arrives as it was sent.
#[test]
fn sendmail_takes_every_kind_of_mail() {
    inside_for(LIMIT, || {
        let Some(server) = sendmail() else { return };
        let taken = server.takes_every_kind_of_mail(&["8BITMIME", "PIPELINING"]);
        taken.logged(&["tls=TLSv1.3", "end=close_notify"]);
        tested(Role::Smarthost, "sendmail", "sendmail, M=s", &version("sendmail"), &taken.kinds);
    });
}

/// Goal: its 535 passes unchanged.
#[test]
fn sendmail_refuses_a_wrong_password() {
    inside_for(LIMIT, || {
        let Some(server) = sendmail() else { return };
        server.refuses_a_wrong_password();
    });
}

const MC: &str = "include(`/usr/share/sendmail/cf/m4/cf.m4')
OSTYPE(`debian')dnl
define(`confDOMAIN_NAME', `smtp.example.com')dnl
define(`confSERVER_CERT', `/etc/smarthost-cert.pem')dnl
define(`confSERVER_KEY', `/etc/smarthost-key.pem')dnl
define(`confAUTH_MECHANISMS', `PLAIN LOGIN')dnl
define(`confAUTH_REALM', `smarthost')dnl
define(`confCACERT_PATH', `/etc/ssl')dnl
define(`confCACERT', `/etc/smarthost-cert.pem')dnl
define(`confTO_IDENT', `0')dnl
dnl A busy machine is no reason to wait.
define(`confQUEUE_LA', `1000')dnl
define(`confREFUSE_LA', `1000')dnl
TRUST_AUTH_MECH(`PLAIN LOGIN')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
DAEMON_OPTIONS(`Name=smarthost, Family=inet, Addr=127.0.0.1, Port=465, M=sa')dnl
define(`SMART_HOST', `esmtp:[127.0.0.1]')dnl
define(`ESMTP_MAILER_ARGS', `TCP $h 10025')dnl
MAILER(`smtp')dnl
";

pub fn sendmail() -> Option<Server> {
    let server = Server::boot(&["sendmail", "sasl2-bin"])?;
    let script = "printf 'smmta:x:990:990::/var:/bin/false\nsmmsp:x:991:991::/var:/bin/false\n' >> /etc/passwd
        printf 'smmta:x:990:\nsmmsp:x:991:\n' >> /etc/group
        mkdir -p /etc/sasl2 /etc/ssl /run/sendmail/mta
        printf 'pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\n' > /etc/sasl2/Sendmail.conf
        echo secret | saslpasswd2 -p -c -u smarthost alice
        cd /etc/mail
        cp service.switch-nodns service.switch
        touch local-host-names aliases
        m4 smarthost.mc | sed 's/ L=990,/ L=2045,/' > sendmail.cf
        /usr/libexec/sendmail/sendmail -bi
        /usr/libexec/sendmail/sendmail -bd -q1s";
    Some(server.start("/etc/mail/smarthost.mc", MC, script))
}
