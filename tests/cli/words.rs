//! Words that are refused, each with a sentence that names it, for the client and for the log.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::support::bridge::Start;
use crate::support::dir::Dir;
use crate::support::limit::{within, USUAL};
use crate::support::outcome::refusal;

const PIN: &str = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// One row: argv, and words of the sentence.
type Row<'a> = (&'a [&'a str], &'a [&'a str]);

/// Goal: the row is a usage error: 421 4.3.5 for the client, exit 64, one line, the word in it.
fn refuses(rows: &[Row]) {
    for (argv, words) in rows {
        let refusal = refusal(Start::new().args(*argv));
        refusal.assert("4.3.5", 64, &[&["stage=arguments"], *words].concat());
        assert!(refusal.reply.starts_with("421 4.3.5 smtps-bridge: "), "{argv:?}: {}", refusal.reply);
    }
}

#[test]
fn a_host_that_is_none_is_refused_by_name() {
    within(USUAL, || {
        let label = "a".repeat(63);
        let too_long = format!("{label}.{label}.{label}.{}", "b".repeat(62));
        assert_eq!(too_long.len(), 254);
        refuses(&[
            (&[], &["no HOST"]),
            (&["-4"], &["no HOST"]),
            (&["--"], &["no HOST"]),
            (&[""], &["HOST is empty"]),
            (&["a", ""], &["HOST is empty"]),
            (&["--", ""], &["HOST is empty"]),
            (&[":465"], &[":465", "no host name"]),
            (&["."], &["."]),
            (&["a..b"], &["a..b", "not a host name"]),
            // A bug that was: rustls takes a dot at the end, and would have sent it.
            (&["a.."], &["a..", "not a host name"]),
            (&["--server-name", "a..", "b"], &["a..", "not a host name"]),
            (&["a b"], &["a b", "not a host name"]),
            (&["-"], &["-"]),
            (&["--", "-a"], &["-a", "not a host name"]),
            (&[&too_long], &["253", "254", "aaaa"]),
            (&["m\u{fc}ller.example"], &["m\\xc3\\xbcller.example", "xn--"]),
            (&["::1"], &["::1", "brackets"]),
            (&["2001:db8::1:465"], &["2001:db8::1:465", "brackets"]),
            (&["a:b:c"], &["a:b:c"]),
            (&["[::1"], &["[::1"]),
            (&["[::1]465"], &["[::1]465"]),
            (&["[a]"], &["[a]: no IPv6 address between the brackets; write a without them"]),
            (&["[127.0.0.1]"], &["[127.0.0.1]", "no IPv6 address", "write 127.0.0.1 without"]),
            // As Postfix has it.
            (&["[smtp.example.com]:465"], &["no IPv6 address", "write smtp.example.com:465 without them"]),
            (&["[fe80::1]:465"], &["a link-local address needs its interface, as in [fe80::1%eth0]"]),
            (&["[fe80::1%]"], &["[fe80::1%]: behind % belongs an interface, as in [fe80::1%eth0]"]),
            (&["[fe80::1%eth 0]"], &["behind % belongs an interface"]),
            (&["fe80::1%eth0"], &["fe80::1%eth0: an IPv6 address needs brackets"]),
            (&["smtp.example.com 465"], &["a colon belongs before the port, as in smtp.example.com:465"]),
            // A bug that was: the cure held the word as it came.
            (&["\u{1b}[2J 465"], &["a colon belongs before the port, as in \\x1b[2J:465"]),
            (
                &["smtp.example.com", "465"],
                &["465: a port belongs behind its host and a colon, as in smtp.example.com:465"],
            ),
            (&["[]:465"], &["[]:465"]),
            (
                &["me@smtp.example.com"],
                &["me@smtp.example.com: that is an account, not a host; give the smarthost of smtp.example.com"],
            ),
            (&["me@"], &["me@: that is an account"]),
            (&["127.1"], &["127.1: an IPv4 address is four numbers", "192.0.2.1"]),
            (&["2130706433:465"], &["2130706433:465: an IPv4 address is"]),
            (&["192.0.2.010"], &["without zeros in front"]),
            (&["--server-name", "192.0.2.256", "a"], &["192.0.2.256: an IPv4 address is"]),
            (
                &["--server-name", "[::1", "a"],
                &["--server-name [::1: it is a name, an IPv4 address, or an IPv6 address"],
            ),
            (&["--server-name", "::1]", "a"], &["--server-name ::1]: it is a name"]),
            (&["--server-name", "[mail.example.com]", "a"], &["--server-name [mail.example.com]: it is a name"]),
            (&["--server-name", "fe80::1%eth0", "a"], &["--server-name fe80::1%eth0: it is a name"]),
        ]);
    });
}

#[test]
fn a_port_that_is_none_is_refused_by_name() {
    within(USUAL, || {
        refuses(&[
            (&["a:0"], &["a:0", "1 to 65535"]),
            (&["a:65536"], &["a:65536", "1 to 65535"]),
            (&["a:"], &["a:", "1 to 65535"]),
            (&["[::1]:0"], &["[::1]:0", "1 to 65535"]),
            (&["[::1]:"], &["[::1]:", "1 to 65535"]),
            (&["a:99999999999999999999"], &["a:9999", "1 to 65535"]),
            (&["a:no-such-service"], &["a:no-such-service", "no such service"]),
            // getaddrinfo(3) reads these as numbers.
            (&["a:+465"], &["a:+465"]),
            (&["a:-1"], &["a:-1"]),
            (&["a: 465"], &["a: 465"]),
        ]);
    });
}

#[test]
fn an_option_that_is_unknown_repeated_or_without_its_value_is_refused_by_name() {
    within(USUAL, || {
        refuses(&[
            (&["--bogus", "a"], &["--bogus", "unknown", "--help"]),
            (&["--bogus=1", "a"], &["--bogus", "unknown"]),
            (&["-x", "a"], &["-x", "unknown"]),
            (&["-4v", "a"], &["-4v", "unknown"]),
            (&["--pi", PIN, "a"], &["--pi", "unknown"]),
            (&["a", "--bogus"], &["--bogus", "unknown"]),
            (&["-4", "-4", "a"], &["-4", "twice"]),
            (&["--ca-file", "x", "--ca-file", "y", "a"], &["--ca-file", "twice"]),
            (&["--ca-file=x", "a", "--ca-file", "x"], &["--ca-file", "twice"]),
            (&["-h", "--help"], &["--help", "twice"]),
            (&["--log", "none", "--log", "stderr", "a"], &["--log", "twice"]),
            (&["--server-name", "--ca-file", "x", "a"], &["--server-name", "--ca-file", "needs a value"]),
            (&["--ca-file", "--no-pq", "a"], &["--ca-file", "--no-pq", "needs a value"]),
            (&["--ca-file", "--", "a"], &["--ca-file", "--", "needs a value"]),
            (&["--ca-file", "-", "a"], &["--ca-file", "-", "needs a value"]),
            (&["a", "--ca-file"], &["--ca-file", "needs a value", "FILE"]),
            (&["--ca-file", "", "a"], &["--ca-file", "empty"]),
            (&["--ca-file=", "a"], &["--ca-file", "empty"]),
            (&["--server-name=", "a"], &["--server-name", "empty"]),
            (&["--user", "", "a"], &["--user", "empty"]),
            (&["--no-pq=yes", "a"], &["--no-pq", "takes no value"]),
            (&["--crlf=", "a"], &["--crlf", "takes no value"]),
        ]);
    });
}

#[test]
fn a_value_that_an_option_does_not_take_is_refused_by_name() {
    within(USUAL, || {
        refuses(&[
            (&["smtps://smtp.example.com"], &["smtps://smtp.example.com", "no URL", "the host alone"]),
            (&["--server-name", "a b", "c"], &["a b"]),
            (&["--server-name", "m\u{fc}ller.example", "c"], &["xn--"]),
            (&["--min-tls", "1.1", "a"], &["--min-tls", "1.1", "1.2 or 1.3"]),
            (&["--min-tls", "TLSv1.2", "a"], &["--min-tls", "TLSv1.2"]),
            (&["--log", "file", "a"], &["--log", "file", "syslog, stderr or none"]),
            (&["--setup-timeout", "0", "a"], &["--setup-timeout", " 0"]),
            (&["--setup-timeout", "3601", "a"], &["--setup-timeout", "3601"]),
            (&["--setup-timeout", "1.5", "a"], &["--setup-timeout", "1.5"]),
            (&["--setup-timeout", "+5", "a"], &["--setup-timeout", "+5"]),
            (&["--setup-timeout", "-1", "a"], &["--setup-timeout", "-1"]),
            (&["--setup-timeout=-1", "a"], &["--setup-timeout", "-1"]),
            (&["--setup-timeout", "99999999999999999999", "a"], &["--setup-timeout", "9999"]),
            (&["--idle-timeout", "1", "a"], &["--idle-timeout", " 1", "660"]),
            (&["--idle-timeout", "659", "a"], &["--idle-timeout", "659", "660"]),
            (&["--idle-timeout", "2h", "a"], &["--idle-timeout", "2h"]),
            (&["--idle-timeout", "99999999999999999999", "a"], &["--idle-timeout", "9999"]),
            (&["--user", "1000", "a"], &["--user", "1000", "group"]),
            (&["--user", "1000:", "a"], &["--user", "1000:"]),
            (&["--user", "a:b", "c"], &["--user", "a:b"]),
            (&["--user", "4294967295:1", "a"], &["--user", "4294967295:1"]),
            (&["--user", "1:4294967295", "a"], &["--user", "1:4294967295"]),
            (&["--pin", "sha256//AAAA", "a"], &["--pin", "sha256//AAAA", "44"]),
            (&["--pin", "sha1//AAAA", "a"], &["--pin", "sha1//AAAA"]),
            (&["--pin-only", "AA:BB", "a"], &["--pin-only", "AA:BB"]),
            (&["--pin", PIN, "--pin", "x", "a"], &["--pin", " x"]),
            (&["--pin", &PIN[8..], "a"], &["--pin", "AAAA"]),
        ]);
    });
}

#[test]
fn promise_7_a_network_that_is_everybody_is_refused() {
    within(USUAL, || {
        refuses(&[
            (&["--allow-from", "0.0.0.0/0", "a"], &["--allow-from", "0.0.0.0/0", "never serves strangers"]),
            (&["--allow-from", "::/0", "a"], &["--allow-from", "::/0", "never serves strangers"]),
            (&["--allow-from", "::ffff:0:0/96", "a"], &["::ffff:0:0/96", "never serves strangers"]),
            (&["--allow-from", "::ffff:0.0.0.0/90", "a"], &["::ffff:0.0.0.0/90", "never serves strangers"]),
            (&["--allow-from", "10.0.0.0/8", "--allow-from", "::/0", "a"], &["::/0", "never serves strangers"]),
            (&["--allow-from", "10.0.0.0/33", "a"], &["10.0.0.0/33", "32"]),
            (&["--allow-from", "::1/129", "a"], &["::1/129", "128"]),
            (&["--allow-from", "10.0.0.0/", "a"], &["10.0.0.0/"]),
            (&["--allow-from", "10.0.0.0/+8", "a"], &["10.0.0.0/+8"]),
            (&["--allow-from", "10.0.0.0/255.0.0.0", "a"], &["10.0.0.0/255.0.0.0"]),
            // The writer means either this address or its network: only the writer knows.
            (&["--allow-from", "10.0.0.1/24", "a"], &["10.0.0.1/24", "10.0.0.0/24"]),
            (&["--allow-from", "lan.example", "a"], &["lan.example"]),
            (&["--allow-from", "", "a"], &["--allow-from", "empty"]),
        ]);
    });
}

#[test]
fn options_that_exclude_each_other_are_refused_together() {
    within(USUAL, || {
        refuses(&[
            (&["-4", "-6", "a"], &["-4", "-6"]),
            (&["-v", "-q", "a"], &["-v", "-q"]),
            (&["--ca-file", "x", "--system-roots", "a"], &["--ca-file", "--system-roots"]),
            (&["--pin-only", PIN, "--pin", PIN, "a"], &["--pin-only", "--pin,"]),
            (&["--pin-only", PIN, "--ca-file", "x", "a"], &["--pin-only", "--ca-file"]),
            (&["--pin-only", PIN, "--system-roots", "a"], &["--pin-only", "--system-roots"]),
            (&["--cert", "x", "a"], &["--cert", "--key"]),
            (&["--key", "x", "a"], &["--key", "--cert"]),
        ]);
    });
}

/// Goal: a password in a word of the command line is in neither reply nor log nor report.
#[test]
fn a_password_in_a_word_is_shown_nowhere() {
    within(USUAL, || {
        for argv in [
            &["alice:se-cret@smtp.example.com"][..],
            &["smtps://alice:se-cret@smtp.example.com:465"],
            &["-r", "alice:se-cret@smtp.example.com"],
            &["--server-name", "alice:se-cret@smtp.example.com", "a"],
            &["--allow-from", "alice:se-cret@smtp.example.com", "a"],
        ] {
            let refusal = refusal(Start::new().args(argv));
            assert_eq!(refusal.code, 64, "{argv:?}: {refusal:#?}");
            assert!(!refusal.log.contains("se-cret") && !refusal.reply.contains("se-cret"), "{argv:?}: {refusal:#?}");
            assert!(refusal.log.contains("smtp.example.com"), "{argv:?}: {refusal:#?}");
        }
    });
}

/// Goal: a superserver's line without the program's own name: what stands in its place would not be in force.
#[test]
fn a_line_without_the_programs_own_name_is_told_as_that() {
    within(USUAL, || {
        for (called, argv, word) in [
            ("smtp.example.com", &[][..], "smtp.example.com"),
            ("smtp.example.com:465", &[], "smtp.example.com:465"),
            ("smtp.example.com", &["--no-pq"], "smtp.example.com"),
            ("--pin-only", &[PIN, "smtp.example.com"], "--pin-only"),
            ("-4", &["smtp.example.com"], "-4"),
        ] {
            let words = [word, "it stands where the program's own name belongs", "write `smtps-bridge "];
            refusal(Start::new().called(called).args(argv)).assert("4.3.5", 64, &words);
        }
        // Any name will do.
        let refusal = refusal(Start::new().called("relay-to.smarthost").args(["--bogus", "a"]));
        refusal.assert("4.3.5", 64, &["unknown option --bogus"]);
    });
}

/// Goal: people who migrate from stunnel read what to write instead.
#[test]
fn the_words_of_stunnel_are_answered_with_what_to_write_instead() {
    within(USUAL, || {
        let dir = Dir::new();
        dir.write("stunnel.conf", "client = yes\n");
        let file = dir.path("stunnel.conf").into_os_string().into_string().unwrap();
        refuses(&[
            (&["-c", "-d", "25", "-r", "a:465"], &["-c", "stunnel"]),
            (&["-d", "127.0.0.1:25", "-r", "a:465"], &["-d", "stunnel", "superserver"]),
            (&["-r", "a:465"], &["-r", "stunnel", "`smtps-bridge a:465`"]),
            (&["-r"], &["-r", "stunnel"]),
            (&[&file], &[&file, "no configuration file"]),
            (&["/etc/stunnel/absent.conf"], &["/etc/stunnel/absent.conf", "no configuration file"]),
            (&["./a"], &["./a", "no configuration file"]),
        ]);
        let here = refusal(Start::new().arg("stunnel.conf").directory(&dir.path("")));
        here.assert("4.3.5", 64, &["stunnel.conf", "no configuration file"]);
    });
}

/// Goal: an octet that is no UTF-8 is shown, and a path may hold it all the same.
#[test]
fn words_that_are_no_utf_8_are_refused_where_a_name_is_meant() {
    within(USUAL, || {
        let bytes = |bytes: &[u8]| OsString::from(OsStr::from_bytes(bytes));
        for (argv, word) in [
            (vec![bytes(b"a\xff.example")], "a\\xff.example"),
            (vec![bytes(b"--\xff"), "a".into()], "--\\xff"),
            (vec!["--user".into(), bytes(b"\xfe"), "a".into()], "\\xfe"),
            (vec!["--server-name".into(), bytes(b"\xfe"), "a".into()], "\\xfe"),
            (vec!["--log".into(), bytes(b"\xfe"), "a".into()], "\\xfe"),
            (vec!["--pin".into(), bytes(b"sha256//\xfe"), "a".into()], "\\xfe"),
            (vec!["--allow-from".into(), bytes(b"\xfe"), "a".into()], "\\xfe"),
        ] {
            refusal(Start::new().args(argv)).assert("4.3.5", 64, &[word]);
        }
        let path = refusal(Start::new().arg("--ca-file").arg(bytes(b"/absent/\xfe")).arg("a"));
        path.assert("4.3.5", 78, &["/absent/\\xfe", "no such file"]);
    });
}

/// Goal: a control character or a line feed in argv breaks neither the log line nor the reply.
#[test]
fn a_word_of_control_characters_is_shown_harmless() {
    within(USUAL, || {
        let refusal = refusal(Start::new().arg("a\r\n250 ok\u{1b}[2J"));
        refusal.assert("4.3.5", 64, &["a\\x0d\\x0a250 ok\\x1b[2J"]);
        let long = "x".repeat(100_000);
        let refusal = crate::support::outcome::refusal(Start::new().arg(format!("--{long}")).arg("a"));
        refusal.assert("4.3.5", 64, &["--xxxx", "..."]);
        assert!(refusal.log.len() < 1024, "{}", refusal.log.len());
    });
}
