//! Where it is said that the command line is wrong.

use std::io::Read;
use std::net::Shutdown;

use crate::support::bridge::Start;
use crate::support::dir::Dir;
use crate::support::limit::{within, without_hooks, USUAL};
use crate::support::outcome::{assert_reply, refusal};
use crate::support::syslog::Syslog;
use crate::support::talk::Hear;

/// Goal: a typing error in inetd.conf defers mail, and the sentence stands in the queue of the MTA and in syslog; with
/// the client on descriptor 2 too, the reply is all that it reads.
#[test]
fn promise_1_never_bounces_on_a_wrong_command_line() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        let dir = Dir::new();
        let syslog = Syslog::datagram(&dir);
        let (bridge, mut client) = Start::new().args(["--bogus", "a"]).syslog(&syslog.path).inetd();
        client.shutdown(Shutdown::Write).unwrap();
        let reply = client.rest();
        assert_reply(&reply);
        assert_eq!(
            String::from_utf8_lossy(&reply),
            "421 4.3.5 smtps-bridge: unknown option --bogus; --help lists them\r\n"
        );
        assert_eq!(bridge.finish().code, 64);
        let line = syslog.line("failed ");
        assert!(line.contains("stage=arguments") && line.contains("--bogus"), "{line}");
    });
}

/// Goal: `--no-reply` is for protocols that a 421 would break: it holds even if the rest of argv is wrong, wherever the
/// option stands.
#[test]
fn with_no_reply_nothing_is_written_even_then() {
    within(USUAL, || {
        for argv in [
            ["--no-reply", "--bogus"],
            ["--bogus", "--no-reply"],
            ["a:0", "--no-reply"],
            ["--no-reply", "--no-reply"],
            ["--no-reply", "--ca-file=/absent/ca.pem"],
        ] {
            let (bridge, mut client) = Start::new().args(argv).socket();
            client.shutdown(Shutdown::Write).unwrap();
            assert_eq!(client.rest(), b"", "{argv:?}");
            let ended = bridge.finish();
            assert_eq!(ended.code, 64, "{argv:?}");
            assert!(ended.line().contains("reply=none"), "{}", ended.log);
        }
        // Behind `--` it is a host.
        let (bridge, mut client) = Start::new().args(["--", "--no-reply"]).socket();
        client.shutdown(Shutdown::Write).unwrap();
        assert_reply(&client.rest());
        assert_eq!(bridge.finish().code, 64);
    });
}

/// Goal: in a pipe it is the same: reply on descriptor 1, sentence on 2.
#[test]
fn a_script_with_pipes_reads_both_the_reply_and_the_sentence() {
    within(USUAL, || {
        let (bridge, stdin, mut stdout) = Start::new().arg("a:0").pipes();
        let mut reply = Vec::new();
        stdout.read_to_end(&mut reply).unwrap();
        assert_reply(&reply);
        drop(stdin);
        let ended = bridge.finish();
        assert_eq!(ended.code, 64);
        assert!(ended.line().contains("a:0: a port is a number"), "{}", ended.log);
    });
}

/// Goal: a path of this machine is for the log; the client reads the sentence around it, and nothing else is taken for one.
#[test]
fn a_path_in_a_wrong_word_stays_on_this_machine() {
    within(USUAL, || {
        let table = [
            (vec!["--log", "/var/log/mail"], "--log (path): it is syslog, stderr or none"),
            (vec!["--user", "a:/etc/x"], "--user (path): it is NAME, or UID:GID in numbers"),
            (vec!["--min-tls", "./x"], "--min-tls (path): it is 1.2 or 1.3"),
            (vec!["--allow-from", "10.0.0.1/8"], "--allow-from 10.0.0.1/8: the network is 10.0.0.0/8, or leave /8 out"),
            (vec!["a:nothing"], "a:nothing: no such service in /etc/services; give the port's number"),
        ];
        for (argv, sentence) in table {
            let refusal = refusal(Start::new().args(argv).arg("smtp.example.com"));
            assert_eq!(refusal.reply, format!("421 4.3.5 smtps-bridge: {sentence}\r\n"));
        }
    });
}
