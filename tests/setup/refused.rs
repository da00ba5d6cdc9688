//! What is refused, with the reason and the cure, and nothing on standard output.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::setup::refusal;
use crate::support::bridge::Start;
use crate::support::limit::{within, USUAL};
use crate::support::outcome;

/// One row: the words behind --print-config, and words of the sentence.
type Row<'a> = (&'a [&'a str], &'a [&'a str]);

/// Goal: exit 64, one line on stderr, and not a byte for the file that standard output is to become: no 421.
#[test]
fn a_wrong_command_line_prints_nothing() {
    within(USUAL, || {
        let rows: &[Row] = &[
            (&["--print-config"], &["no HOST"]),
            (&["--print-config", "xinetd"], &["no HOST"]),
            (&["--print-config=nonsense", "a"], &["nonsense", "no such kind", "xinetd", "systemd"]),
            (&["--print-config=", "a"], &["no such kind"]),
            (&["--print-config", "--print-config", "a"], &["--print-config is given twice"]),
            (&["--print-config", "xinetd", "--check", "a"], &["--check and --print-config exclude"]),
            (&["--print-config", "xinetd", "a b"], &["a b", "not a host name"]),
            (&["--print-config", "xinetd", "--pin", "x", "a"], &["--pin x", "sha256//"]),
            (&["--print-config", "xinetd", "--ca-file", "/a b", "a"], &["/a b", "quotes", "symbolic link"]),
            (&["--print-config", "xinetd", "--listen", "2525", "a"], &["--listen 2525", "ADDR:PORT"]),
            (&["--print-config", "xinetd", "--listen", "::1:25", "a"], &["--listen ::1:25", "[::1]:2525"]),
            (&["--print-config", "xinetd", "--listen", "localhost:25", "a"], &["localhost", "ADDR:PORT"]),
            (&["--print-config", "xinetd", "--listen", "127.0.0.1:0", "a"], &["1 to 65535"]),
            (&["--print-config", "xinetd", "--listen", "[fe80::1%2]:25", "a"], &["ADDR:PORT"]),
            (&["--print-config", "xinetd", "--listen", "224.0.0.1:25", "a"], &["ADDR:PORT"]),
            (&["--print-config", "xinetd", "--listen", "192.168.1.5:25", "a"], &["--allow-from", "passwords"]),
            (
                &["--print-config", "xinetd", "--listen", "0.0.0.0:25", "--allow-from", "192.168.1.5", "a"],
                &["every address", "name the one"],
            ),
            (&["--print-config", "xinetd", "--listen", "[::]:25", "--allow-from", "192.168.1.5", "a"], &["every"]),
        ];
        for (argv, words) in rows {
            let (bridge, stdin, mut stdout) = Start::new().args(*argv).pipes();
            drop(stdin);
            let mut text = String::new();
            std::io::Read::read_to_string(&mut stdout, &mut text).unwrap();
            let ended = bridge.finish();
            assert_eq!((text.as_str(), ended.code), ("", 64), "{argv:?}: {}", ended.log);
            for word in *words {
                assert!(ended.line().contains(word), "{argv:?}: no {word:?} in {}", ended.log);
            }
        }
    });
}

/// Goal: --listen means nothing to a session, and says who does listen.
#[test]
fn an_address_to_listen_on_is_refused_without_print_config() {
    within(USUAL, || {
        let refusal = outcome::refusal(Start::new().args(["--listen", "127.0.0.1:25", "a"]));
        refusal.assert("4.3.5", 64, &["--listen", "--print-config only", "superserver"]);
    });
}

/// Goal: a word that inetd would cut, or drop because it is the 21st, is not printed.
#[test]
fn what_a_line_of_inetd_cannot_hold_is_refused() {
    for path in ["/a b", "/a'b", "/a\"b", "/a#b", "/a\\b", "/\u{e4}"] {
        let sentence = refusal("/usr/bin/smtps-bridge", "inetd-debian", &["--ca-file", path, "smtp.example.com"]);
        assert!(sentence.contains("no quotes") && sentence.contains("systemd"), "{sentence}");
    }
    assert!(refusal("/opt/my programs/smtps-bridge", "inetd-debian", &["a"]).contains("/opt/my programs"));
    let hosts: Vec<String> = (0..20).map(|n| format!("smtp{n}.example.com")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let sentence = refusal("/usr/bin/smtps-bridge", "inetd-debian", &hosts);
    assert!(sentence.contains("20th word") && sentence.contains("has 21"), "{sentence}");
    assert!(super::render("inetd-debian", &hosts[1..]).contains("smtp19.example.com\n"));
    assert!(super::render("xinetd", &hosts).contains("smtp19.example.com\n"));
}

/// Goal: no file holds a line break inside a word, and systemd no dollar in the program's path.
#[test]
fn what_no_file_can_hold_is_refused() {
    for kind in ["inetd-debian", "xinetd", "systemd"] {
        let sentence = refusal("/usr/bin/smtps-bridge", kind, &["--ca-file", "/a\nb", "smtp.example.com"]);
        assert!(sentence.contains("line break"), "{sentence}");
    }
    assert!(refusal("/opt/$x/smtps-bridge", "systemd", &["a"]).contains("$"));
}

#[test]
fn a_word_that_is_no_utf_8_is_refused() {
    within(USUAL, || {
        let start =
            Start::new().args(["--print-config", "systemd", "--ca-file"]).arg(OsStr::from_bytes(b"/\xff")).arg("a");
        let (bridge, stdin, _stdout) = start.pipes();
        drop(stdin);
        let ended = bridge.finish();
        assert_eq!(ended.code, 64);
        assert!(ended.log.contains("no UTF-8"), "{}", ended.log);
    });
}
