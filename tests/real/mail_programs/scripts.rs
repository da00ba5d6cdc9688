//! What scripts send mail with, through openbsd-inetd, without a password and with a wrong one. None has a queue: the mail
//! stays with whoever started them, who reads what they say.

use crate::support::limit::skip;
use crate::support::namespace::inside_for;

use crate::real::machine::{Machine, Said};
use crate::real::{Provider, LIMIT};

use super::{listen, MESSAGE};

struct Script {
    program: &'static str,
    /// Shell that fails where something is missing.
    installed: &'static str,
    /// Shell that sends /var/tmp/message as alice with `$password`, or without AUTH where that is empty.
    send: &'static str,
}

const CURL: Script = Script {
    program: "curl smtp://",
    installed: "command -v curl",
    send: "curl -sSv --crlf ${password:+--user alice:$password} --upload-file /var/tmp/message \
           --mail-from alice@example.org --mail-rcpt bob@example.net smtp://127.0.0.1:2525/mailer.example.test",
};

const SMTPLIB: Script = Script {
    program: "Python smtplib",
    installed: "command -v python3",
    send: r#"python3 - "$password" << END
import smtplib, sys
with smtplib.SMTP("127.0.0.1", 2525) as smtp:
    if sys.argv[1]:
        smtp.login("alice", sys.argv[1])
    smtp.sendmail("alice@example.org", ["bob@example.net"], open("/var/tmp/message").read())
END"#,
};

const NET_SMTP: Script = Script {
    program: "Perl Net::SMTP",
    installed: "perl -MAuthen::SASL -MNet::SMTP -e 1",
    send: r#"perl -w - "$password" << "END"
use Net::SMTP;
my $smtp = Net::SMTP->new("127.0.0.1", Port => 2525) or die $@;
sub said { die $smtp->code, " ", $smtp->message }
open(my $message, "<", "/var/tmp/message") or die $!;
!$ARGV[0] or $smtp->auth("alice", $ARGV[0]) or said;
$smtp->mail("alice\@example.org") or said;
$smtp->to("bob\@example.net") or said;
$smtp->data(<$message>) or said;
$smtp->quit;
END"#,
};

const SWAKS: Script = Script {
    program: "swaks",
    installed: "command -v swaks",
    send: "swaks --server 127.0.0.1:2525 ${password:+--auth PLAIN --auth-user alice --auth-password $password} \
           --from alice@example.org --to bob@example.net --data 'Subject: hello\\n\\nfrom a mail program'",
};

const ESMTP: Script = Script {
    program: "esmtp",
    installed: "command -v esmtp",
    send: "printf 'hostname = 127.0.0.1:2525\nstarttls = disabled\n' > /var/tmp/esmtprc
           [ -z \"$password\" ] || printf 'username = alice\npassword = %s\n' \"$password\" >> /var/tmp/esmtprc
           esmtp -C /var/tmp/esmtprc -f alice@example.org bob@example.net < /var/tmp/message",
};

/// Goal: without a password, and with a wrong one, it fails and says the smarthost's words.
#[test]
fn curl_shows_what_is_wrong_with_the_credentials() {
    inside_for(LIMIT, || shows_credentials(&CURL));
}

#[test]
fn smtplib_shows_what_is_wrong_with_the_credentials() {
    inside_for(LIMIT, || shows_credentials(&SMTPLIB));
}

#[test]
fn net_smtp_shows_what_is_wrong_with_the_credentials() {
    inside_for(LIMIT, || shows_credentials(&NET_SMTP));
}

#[test]
fn swaks_shows_what_is_wrong_with_the_credentials() {
    inside_for(LIMIT, || shows_credentials(&SWAKS));
}

/// Goal: esmtp fails too, so that its caller keeps the mail.
#[test]
fn esmtp_fails_without_credentials_and_with_wrong_ones() {
    inside_for(LIMIT, || {
        let Some((machine, provider)) = boot(&ESMTP) else { return };
        for password in ["", "wrong"] {
            let said = send(&machine, &ESMTP, password);
            assert_ne!(said.code, Some(0), "{password:?}: {}", said.text);
        }
        assert_eq!(provider.good.inbox(), []);
    });
}

fn shows_credentials(script: &Script) {
    let Some((machine, provider)) = boot(script) else { return };
    for (password, words) in
        [("", "5.7.0 Authentication required"), ("wrong", "5.7.8 Authentication credentials invalid")]
    {
        let said = send(&machine, script, password);
        assert!(said.code != Some(0) && said.text.contains(words), "{password:?}: {said:?}");
    }
    assert_eq!(provider.good.inbox(), []);
}

/// A machine with openbsd-inetd, which listens.
fn boot(script: &Script) -> Option<(Machine, Provider)> {
    let peers: &[&str] = if script.program == ESMTP.program { &["openbsd-inetd", "esmtp"] } else { &["openbsd-inetd"] };
    let provider = Provider::new();
    let machine = Machine::boot(peers)?;
    if machine.run(script.installed).code != Some(0) {
        skip(&format!("needs {}", script.program));
        return None;
    }
    listen(&machine, &provider, false);
    machine.sh(&format!("printf '{MESSAGE}' > /var/tmp/message"));
    Some((machine, provider))
}

fn send(machine: &Machine, script: &Script, password: &str) -> Said {
    machine.run(&format!("password={password}\n{}", script.send))
}
