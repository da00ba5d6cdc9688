//! Postfix's postscreen behind stunnel: it says `220-`, waits to see whether the client talks early, and then hands the
//! client on to smtpd, which says `220 `. A client that talked early gets 521.

use crate::support::namespace::{inside_for, without_tool};
use crate::support::tested::{tested, Role};

use crate::real::machine::{version, Machine, Said};
use crate::real::{LIMIT, NAME};

use super::postfix::postfix_with;
use super::Server;

/// Goal: busybox starts to talk at once, without any greeting: the bridge keeps it waiting until the last line is there.
#[test]
fn busybox_has_a_mail_delivered_by_a_server_that_greets_in_two_parts() {
    inside_for(LIMIT, || {
        let Some((server, home)) = with_home(&["busybox"]) else { return };
        let said = send(&server, &home, "busybox", "bob@example.net");
        delivered(&server, &home, &said);
        tested(
            Role::Smarthost,
            "postscreen",
            "Postfix's postscreen, behind stunnel",
            &version("postfix"),
            "a greeting in two parts, to busybox sendmail and swaks --pipe",
        );
    });
}

/// Goal: swaks, which waits for a whole reply, gets the greeting as the server sent it.
#[test]
fn swaks_has_a_mail_delivered_by_a_server_that_greets_in_two_parts() {
    inside_for(LIMIT, || {
        if without_tool("swaks") {
            return;
        }
        let Some((server, home)) = with_home(&[]) else { return };
        let said = send(&server, &home, "swaks", "--header 'X-Mail: early'");
        delivered(&server, &home, &said);
        let greeting = "<-  220-smtp.example.com wait\n<-  220 smtp.example.com ESMTP";
        assert!(said.text.contains(greeting), "{}", said.text);
    });
}

/// A smarthost with postscreen, and a machine with the bridge and these peers.
fn with_home(peers: &[&str]) -> Option<(Server, Machine)> {
    let server = postscreen()?;
    Some((server, Machine::boot(peers)?))
}

/// Runs the printed script of this kind, with the account and the addresses of the tests.
fn send(server: &Server, home: &Machine, kind: &str, words: &str) -> Said {
    let ca = server.house.dir.path("ca.pem");
    let script = home.sh(&format!("smtps-bridge --print-config {kind} --ca-file {} {NAME}", ca.display()));
    let script = script
        .replace("me@example.com", "alice@example.org")
        .replace("you@example.com", "bob@example.net")
        .replace("\naccount\npassword\n", "\nalice\nsecret\n")
        .replace("--auth-user account", "--auth-user alice --auth-password secret");
    home.write("/etc/send", &script);
    home.run(&format!("printf 'X-Mail: early\nSubject: hello\n\nfrom a pipe\n' | sh /etc/send {words}"))
}

#[track_caller]
fn delivered(server: &Server, home: &Machine, said: &Said) {
    assert_eq!(said.code, Some(0), "{said:?} {:#?} {:#?}", home.syslog.lines(), server.log());
    server.until("the mail has arrived", || !(server.inbox)().is_empty());
    let inbox = (server.inbox)();
    let arrived: Vec<&str> = inbox.iter().map(|message| message.name.as_str()).collect();
    assert_eq!(arrived, ["early"]);
    let log = server.log();
    assert!(log.iter().any(|line| line.contains("PASS NEW")), "postscreen tested nobody: {log:#?}");
    assert!(!log.iter().any(|line| line.contains("PREGREET")), "{log:#?}");
}

const MAIN_CF: &str = "postscreen_greet_wait = 3s
postscreen_greet_banner = smtp.example.com wait
postscreen_greet_action = drop
postscreen_access_list =
postscreen_cache_map = btree:/var/lib/postfix/postscreen_cache
";

fn postscreen() -> Option<Server> {
    let start = "postconf -M 10465/inet='127.0.0.1:10465 inet n - n - 1 postscreen'
        postconf -M smtpd/pass='smtpd pass - - n - - smtpd'
        postfix start
        cat > /etc/stunnel/smarthost.conf << END
cert = /etc/smarthost-cert.pem
key = /etc/smarthost-key.pem
[smtps]
accept = 127.0.0.1:465
connect = 127.0.0.1:10465
END
        stunnel4 /etc/stunnel/smarthost.conf";
    postfix_with(MAIN_CF, &["stunnel4"], start)
}
