//! What is refused, with the reason and the cure, and nothing on standard output.

use std::ffi::OsStr;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

use socket2::{Domain, Socket, Type};

use crate::setup::refusal;
use crate::support::bridge::Start;
use crate::support::limit::{within, USUAL};
use crate::support::namespace::{inside, sh};
use crate::support::outcome;
use crate::support::talk::Hear;

/// One row: the words behind --print-config, and words of the sentence.
type Row<'a> = (&'a [&'a str], &'a [&'a str]);

/// Goal: exit 64, one line on stderr, and not a byte for the file that standard output is to become: no 421.
#[test]
fn a_wrong_command_line_prints_nothing() {
    within(USUAL, || {
        let rows: &[Row] = &[
            (&["--print-config", "xinetd"], &["no HOST"]),
            (&["--print-config", "-q"], &["no HOST"]),
            (&["--print-config=nonsense", "a"], &["nonsense", "no such kind", "xinetd", "systemd"]),
            (&["--print-config=", "a"], &["no such kind"]),
            // A kind that is spelled wrong is no host.
            (&["--print-config", "postfx", "smtp.example.com"], &["postfx", "mean postfix?", "behind `--`"]),
            (&["--print-config", "mailer", "smtp.example.com"], &["mailer", "no such kind", "one of xinetd, "]),
            (
                &["--print-config", "smtp.example.com", "sendmail"],
                &["sendmail stands", "mean `--print-config sendmail`?"],
            ),
            (&["dma", "--print-config", "smtp.example.com"], &["dma stands among the hosts"]),
            (&["--print-config", "systemd.scket", "smtp.example.com"], &["mean `--print-config systemd.socket`?"]),
            (&["--print-config", "xinetd", "a", "Sendmial"], &["Sendmial", "mean `--print-config sendmail`?"]),
            (&["--print-config", "smtp.example.com", "list"], &["mean `--print-config list`?"]),
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
    let hosts: Vec<String> = (0..19).map(|n| format!("smtp{n}.example.com")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let sentence = refusal("/usr/bin/smtps-bridge", "inetd-debian", &hosts);
    assert!(sentence.contains("20th word") && sentence.contains("has 21"), "{sentence}");
    assert!(super::render("inetd-debian", &hosts[1..]).contains("smtp18.example.com\n"));
    assert!(super::render("xinetd", &hosts).contains("smtp18.example.com\n"));
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

/// Goal: no line is printed that was never seen to work: mail programs write an IPv6 address each in forms of its own.
#[test]
fn an_ipv6_address_is_refused_for_mail_programs() {
    let words = ["--listen", "[::1]:25", "smtp.example.com"];
    for kind in ["sendmail-port", "postfix", "exim", "nullmailer", "dma", "msmtp"] {
        assert!(refusal("/usr/bin/smtps-bridge", kind, &words).contains("IPv4 address only"), "{kind}");
    }
}

/// Goal: promise 7. A superserver's line with --print-config in it tells a stranger nothing.
#[test]
fn promise_7_a_stranger_reads_no_configuration() {
    inside(|| {
        sh("ip address add 192.0.2.1/24 dev lo; ip address add 192.0.2.2/24 dev lo");
        for (client, code) in [("192.0.2.2:0", 77), ("127.0.0.1:0", 0)] {
            let listener = TcpListener::bind("0.0.0.0:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            let server = if code == 0 { [127, 0, 0, 1] } else { [192, 0, 2, 1] };
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.bind(&client.parse::<SocketAddr>().unwrap().into()).unwrap();
            socket.connect(&SocketAddr::from((server, port)).into()).unwrap();
            let (theirs, _) = listener.accept().unwrap();
            let copy = OwnedFd::from(theirs.try_clone().unwrap());
            let start = Start::new().args(["--print-config", "xinetd", "smtp.example.com"]);
            let bridge = start.on(copy, OwnedFd::from(theirs), Stdio::piped());
            let heard = TcpStream::from(socket).rest();
            assert_eq!((heard.is_empty(), bridge.finish().code), (code == 77, code));
        }
    });
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

/// A bug that was: under `2>&1` stderr is stdout, and the sentence went nowhere. A client's socket still reads nothing.
#[test]
fn the_reason_is_read_under_2_to_1_too() {
    within(USUAL, || {
        for (words, reason) in [
            (&["xinetd", "a b"][..], "smtps-bridge: a b: not a host name\n"),
            (&["inetd-debian", "--ca-file", "/a b", "a"], "smtps-bridge: /a b: inetd splits its words"),
        ] {
            let start = || Start::new().arg("--print-config").args(words);
            let mut bridge = start().under_shell("", "2>&1").on(Stdio::null(), Stdio::piped(), Stdio::null());
            let said = String::from_utf8(bridge.child.stdout.take().unwrap().rest()).unwrap();
            assert!(said.starts_with(reason), "{said:?}");
            assert_eq!((said.lines().count(), bridge.finish().code), (1, 64));
            let (bridge, client) = start().inetd();
            client.shutdown(std::net::Shutdown::Write).unwrap();
            let mut client = client;
            assert_eq!(client.rest(), b"");
            assert_eq!(bridge.finish().code, 64);
        }
    });
}
