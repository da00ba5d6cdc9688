//! Postfix in wrapper mode, with Cyrus SASL.

use crate::support::namespace::{inside_for, without_tool};
use crate::support::tested::{tested, Role};

use crate::real::machine::version;
use crate::real::LIMIT;

use super::session::{bridged, straight};
use super::Server;

/// Goal: every kind of mail arrives as it was sent.
#[test]
fn postfix_takes_every_kind_of_mail() {
    inside_for(LIMIT, || {
        let Some(server) = postfix("") else { return };
        let taken = server.takes_every_kind_of_mail(&["8BITMIME", "SMTPUTF8", "CHUNKING", "PIPELINING"]);
        taken.logged(&["tls=TLSv1.3", "end=close_notify"]);
        tested(Role::Smarthost, "postfix", "Postfix, wrapper mode", &version("postfix"), &taken.kinds);
    });
}

/// Goal: its 535 passes unchanged.
#[test]
fn postfix_refuses_a_wrong_password() {
    inside_for(LIMIT, || {
        let Some(server) = postfix("") else { return };
        server.refuses_a_wrong_password();
    });
}

/// Goal: a smarthost that takes two connections at once greets a third with 421, whose words stand in ours, and the place
/// of one that ends is free again.
#[test]
fn postfix_refuses_a_third_connection() {
    inside_for(LIMIT, || {
        if without_tool("openssl") {
            return;
        }
        // Loopback is excepted by default.
        let Some(server) = postfix("smtpd_client_connection_count_limit = 2\nsmtpd_client_event_limit_exceptions =\n")
        else {
            return;
        };
        let open = || bridged(&server.house, &server.host);
        let [(first, mut one), (_second, mut two)] = [open(), open()];
        one.greet();
        two.greet();
        let (_openssl, mut session) = straight(&server.house, &server.host);
        let expected = session.reply();
        assert!(expected.starts_with("421 4.7.0 smtp.example.com Error: too many connections"), "{expected:?}");
        let (third, mut session) = open();
        let expected = format!("421 4.3.2 127.0.0.1: the smarthost turned us away ({})", expected.trim_end());
        assert!(session.reply().starts_with(&expected), "not {expected}");
        assert_eq!(session.ends(third).code, 75);

        one.quit(first).assert("close_notify", 0);
        server.until("there is a place again", || open().1.reply().starts_with("220 "));
    });
}

const MAIN_CF: &str = "compatibility_level = 3.6
myhostname = smtp.example.com
mydestination =
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
relayhost = [127.0.0.1]:10025
message_size_limit = 40000000
smtp_destination_recipient_limit = 1000
smtp_line_length_limit = 0
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_sasl_auth_enable = yes
smtpd_sasl_local_domain = smarthost
smtpd_tls_cert_file = /etc/smarthost-cert.pem
smtpd_tls_key_file = /etc/smarthost-key.pem
";

pub fn postfix(more: &str) -> Option<Server> {
    postfix_with(
        more,
        &[],
        "postconf -M smtps/inet='smtps inet n - n - - smtpd -o smtpd_tls_wrappermode=yes'
        postfix start",
    )
}

/// With these peers too; `start` sets up its services, and starts it.
pub fn postfix_with(more: &str, peers: &[&str], start: &str) -> Option<Server> {
    let server = Server::boot(&[&["postfix", "sasl2-bin"], peers].concat())?;
    let main_cf = format!("{MAIN_CF}{more}");
    let script = format!("printf 'postfix:x:990:990::/var/spool/postfix:/bin/false\n' >> /etc/passwd
        printf 'postfix:x:990:\npostdrop:x:991:\n' >> /etc/group
        mkdir -p /etc/postfix/sasl /var/lib/postfix /var/spool/postfix
        chown postfix: /var/lib/postfix
        printf 'pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\n' > /etc/postfix/sasl/smtpd.conf
        echo secret | saslpasswd2 -p -c -u smarthost alice
        chown postfix: /etc/sasldb2
        cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
        postconf -F '*/*/chroot = n'
        postconf -MX smtp/inet
        {start}");
    Some(server.start("/etc/postfix/main.cf", &main_cf, &script))
}
