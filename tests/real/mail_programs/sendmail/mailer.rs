//! sendmail starts the bridge itself, as a mailer, and speaks SMTP to its standard input and output.

use std::net::TcpListener;
use std::sync::mpsc;

use crate::real::machine::{version, Machine};
use crate::real::{Provider, LIMIT, NAME};
use crate::support::limit::until;
use crate::support::namespace::{inside_for, without_tool};
use crate::support::peer::Peer;
use crate::support::smarthost::Smarthost;
use crate::support::tested::{tested, Role};

use super::{assert_delivered, configure, keeps_while_others_may_write, mailq, queue_of_3, send, SENDMAIL};

fn sendmail(provider: &Provider, host: &Smarthost) -> Option<Machine> {
    super::sendmail(|machine| provider.printed(machine, "sendmail", host))
}

/// Goal: one message arrives, authenticated, and nothing listens on this machine.
#[test]
fn sendmail_starts_the_bridge_and_relays_a_message_with_auth() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = sendmail(&provider, &provider.good) else { return };
        let said = send(&machine);
        assert!(said.contains("235 2.7.0 Authentication successful") && said.contains("Sent ("), "{said}");
        assert_delivered(&machine, &provider);
        assert!(mailq(&machine).contains("is empty"), "{}", mailq(&machine));
        let line = machine.syslog.line("closed ");
        assert!(line.contains(" client=pipe ") && line.contains("end=close_notify"), "{line}");
    });
}

/// Goal: with the certificate expired the message stays queued with the bridge's sentence, and leaves when it is good again.
#[test]
fn sendmail_keeps_a_message_while_the_certificate_of_its_mailer_is_expired() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = sendmail(&provider, &provider.expired) else { return };
        send(&machine);
        let queue = mailq(&machine);
        assert!(queue.contains("(Deferred: 421 4.7.5 smtp.example.com: certificate expired on)"), "{queue}");
        machine.syslog.line("stat=Deferred: 421 4.7.5 smtp.example.com: certificate expired on 2026-01-15");
        assert_eq!(provider.expired.inbox(), []);
        configure(&machine, &provider.printed(&machine, "sendmail", &provider.good));
        machine.sh(&format!("{SENDMAIL} -qf"));
        assert_delivered(&machine, &provider);
        let result = "mail with AUTH, the reason in mailq, one session per message";
        tested(Role::MailProgram, "sendmail", "sendmail, mailer", &version("sendmail"), result);
    });
}

/// Goal: what the lines say. Each message has a session of its own, and its recipients share it.
#[test]
fn sendmail_gives_each_message_a_session_of_its_mailer() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = sendmail(&provider, &provider.good) else { return };
        queue_of_3(&machine);
        assert_eq!((provider.good.inbox().len(), provider.good.sessions()), (3, 3));
        assert!(provider.good.inbox().iter().all(|message| message.to.len() == 3 && message.user == "alice"));
    });
}

/// Goal: what the lines say of a map that others may write: sendmail keeps mail back by itself, and says so in the queue.
#[test]
fn sendmail_with_a_mailer_keeps_a_message_while_others_may_write_its_password() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = sendmail(&provider, &provider.good) else { return };
        keeps_while_others_may_write(&machine, &provider);
    });
}

/// Goal: if a smarthost offers STARTTLS inside the tunnel, sendmail does not use it.
#[test]
fn sendmail_with_a_mailer_does_no_starttls_inside_the_tunnel() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let peer = Peer::start(&provider.house.ca.leaf_for(&[NAME]), |mut link| {
            link.send(b"220 smtp.example.com ESMTP\r\n");
            let hello = link.line();
            link.send(b"250-smtp.example.com\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n");
            let next = link.line();
            link.send(b"421 4.3.2 enough\r\n");
            (hello, next)
        });
        let words = format!("--ca-file {} {NAME}:{}", provider.house.dir.path("ca.pem").display(), peer.addr.port());
        let lines = |machine: &Machine| machine.sh(&format!("smtps-bridge --print-config sendmail {words}"));
        let Some(machine) = super::sendmail(lines) else { return };
        send(&machine);
        let (hello, next) = peer.done();
        assert!(hello.starts_with("EHLO ") && next.starts_with("AUTH PLAIN "), "{hello:?}, {next:?}");
    });
}

/// Goal: mail that a user's .forward sends on would be carried by sendmail's default user. Other programs run as that user
/// too, and could read the site's password in its memory. So the bridge runs as `nobody`, real, effective and saved.
#[test]
fn the_mailer_of_mail_that_is_forwarded_is_nobody() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        // It accepts and says nothing, so that the bridge stays.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let Some(machine) = sendmail(&provider, &provider.good) else { return };
        let port = silent.local_addr().unwrap().port();
        configure(&machine, &machine.sh(&format!("smtps-bridge --print-config sendmail {NAME}:{port}")));
        machine.sh(&format!(
            "echo 'walter:x:1001:1001::/var/walter:/bin/sh' >> /etc/passwd
             mkdir /var/walter && echo bob@example.net > /var/walter/.forward && chown -R 1001:1001 /var/walter
             printf 'Subject: hello\n\nfrom sendmail\n' | {SENDMAIL} -Am -odb -f alice@example.org walter"
        ));
        silent.set_nonblocking(true).unwrap();
        let mut connection = None;
        until(LIMIT / 4, "the bridge has connected", || {
            connection = silent.accept().ok();
            connection.is_some()
        });
        let status = machine.sh("grep ^Uid: /proc/$(pidof -s smtps-bridge)/status");
        assert_eq!(status.split_whitespace().collect::<Vec<_>>(), ["Uid:", "65534", "65534", "65534", "65534"]);
    });
}

/// Goal: the same for mail that a user of this machine sends, with a set-user-ID sendmail, as it was installed for long.
#[test]
fn the_mailer_of_mail_that_a_user_sends_is_not_that_user() {
    inside_for(LIMIT, || {
        if without_tool("setpriv") || without_tool("ps") {
            return;
        }
        let provider = Provider::new();
        let (release, released) = mpsc::channel::<()>();
        let (greeted, greeting) = mpsc::channel();
        let peer = Peer::start(&provider.house.ca.leaf_for(&[NAME]), move |mut link| {
            link.send(b"220 smtp.example.com ESMTP\r\n");
            greeted.send(link.line()).unwrap();
            let _ = released.recv();
        });
        let words = format!("--ca-file {} {NAME}:{}", provider.house.dir.path("ca.pem").display(), peer.addr.port());
        let lines = |machine: &Machine| machine.sh(&format!("smtps-bridge --print-config sendmail {words}"));
        let Some(machine) = super::sendmail(lines) else { return };
        machine.sh(&format!(
            "echo 'walter:x:1001:1001::/:/bin/sh' >> /etc/passwd && echo walter:x:1001: >> /etc/group
             cp {SENDMAIL} /var/sendmail && chmod 4755 /var/sendmail
             echo hello | setpriv --reuid 1001 --regid 1001 --clear-groups \
                 /var/sendmail -Am -odb -f alice@example.org bob@example.net > /dev/null 2>&1"
        ));
        assert!(greeting.recv_timeout(LIMIT / 4).unwrap().starts_with("EHLO "));
        let ids = machine.sh("ps -o ruid=,euid=,suid=,fuid=,rgid=,egid=,sgid=,fgid= -C smtps-bridge");
        assert_eq!(ids.split_whitespace().collect::<Vec<_>>(), ["65534"; 8]);
        drop(release);
        peer.done();
        // To sendmail it was this user's mail.
        machine.syslog.line("ctladdr=alice@example.org (1001/1001)");
    });
}
