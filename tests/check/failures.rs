//! Everything that can be wrong, each with a server that behaves so: the stage, the sentence with its cure, and all that
//! was learned before. A session against the same server says it in the same words.

use std::io::{self, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustls::ServerConfig;

use super::{flat, report, Report};
use crate::support::bridge::{House, Start};
use crate::support::ca::Leaf;
use crate::support::dir::Dir;
use crate::support::limit::{until, within, without_hooks, USUAL};
use crate::support::namespace::without_tool;
use crate::support::outcome::{refusal, unsuccessful};
use crate::support::peer::{reset, Link, Peer, TLS_1_2, TLS_1_3};

/// A look and a session at two servers of the same kind: stage and cause are the same, letter by letter. The cure may
/// differ: a session advises `--check`.
#[track_caller]
pub fn fails<T: Send + 'static>(
    start: impl Fn() -> Start,
    server: impl Fn() -> Peer<T>,
    code: i32,
    stage: &str,
    words: &[&str],
) -> Report {
    let peer = server();
    let report = report(start().args(["-4", &peer.name()]));
    peer.done();
    report.assert(code, words);
    let told = report.line("failed");
    assert!(told.starts_with(&format!("{stage}: ")), "{told}");
    let peer = server();
    let session = refusal(start().args(["-4", &peer.name()]));
    peer.done();
    assert_eq!(session.code, code, "{session:#?}");
    let reason = session.line.split_once("reason=\"").and_then(|(_, rest)| rest.split_once('"'));
    let reason = reason.unwrap_or_else(|| panic!("no reason: {session:#?}")).0;
    let cause = |text: &str| text.split("; ").next().unwrap_or_default().to_owned();
    assert_eq!(cause(&told.replace('"', "'")), format!("{stage}: {}", cause(&flat(reason))));
    report
}

/// A server that says these words and waits.
fn says(words: &'static str) -> Peer {
    Peer::tcp(move |mut tcp| {
        tcp.write_all(words.as_bytes()).unwrap();
        wait(tcp);
    })
}

fn wait(mut tcp: TcpStream) {
    let _ = io::copy(&mut tcp, &mut io::sink());
}

fn bare() -> Start {
    Start::new()
}

/// Goal: neither may a greeting or an answer to EHLO.
#[test]
fn a_hostile_greeting_keeps_the_screen_whole() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            link.send(format!("220-\x1b]0;{}\x07\r\n220 ok\r\n", "z".repeat(3000)).as_bytes());
            link.line();
            link.send(b"250-\xff\xfe\r\n250-AUTH \x1b[31mPLAIN \x08\r\n250 SIZE 1\n");
            link.line();
            link.send(b"221 \x01\r\n");
            link.until_closed();
        });
        let report = report(house.bridge(peer.host()));
        peer.done();
        report.assert(0, &["220-\\x1b]0;zzz", "AUTH \\x1b[31mPLAIN \\x08, SIZE 1", "221 \\x01"]);
        assert!(report.screen.lines().count() < 30, "{}", report.screen);
    });
}

#[test]
fn plain_smtp() {
    within(USUAL, || {
        let server = || says("220 mail.test ESMTP\r\n");
        let words = ["plain SMTP instead of TLS, so this port is for STARTTLS; try --starttls"];
        let report = fails(bare, server, 76, "handshake", &words);
        assert_eq!(report.line("in clear"), "220 mail.test ESMTP");
    });
}

#[test]
fn http() {
    within(USUAL, || {
        let server = || says("HTTP/1.1 400 Bad Request\r\n\r\n");
        let report = fails(bare, server, 76, "handshake", &["HTTP instead of TLS; correct HOST"]);
        assert_eq!(report.line("in clear"), "HTTP/1.1 400 Bad Request");
    });
}

#[test]
fn ssh() {
    within(USUAL, || {
        let server = || says("SSH-2.0-OpenSSH_9.2p1\r\n");
        let report = fails(bare, server, 76, "handshake", &["SSH instead of TLS; correct HOST"]);
        assert_eq!(report.line("in clear"), "SSH-2.0-OpenSSH_9.2p1");
    });
}

#[test]
fn silence() {
    within(USUAL, || {
        let start = || Start::new().args(["--setup-timeout", "1"]);
        let words =
            ["no answer to our TLS hello within 1 s; ask the server's administrator, or that of a firewall in between"];
        let report = fails(start, || Peer::tcp(wait), 75, "handshake", &words);
        assert!(report.line("address").contains("handshake failed after "), "{}", report.screen);
    });
}

/// Goal: silence after the handshake is another stage, with a certificate to show.
#[test]
fn silence_before_the_greeting() {
    within(USUAL, || {
        let house = House::new();
        let server = || Peer::start(&house.leaf, |mut link: Link| link.until_closed());
        let start = || house.bridge("--setup-timeout").arg("1");
        let report = fails(start, server, 75, "greeting", &["no greeting within 1 s"]);
        assert_eq!(report.line("pin"), house.leaf.pin);
    });
}

#[test]
fn a_connection_closed_on_our_hello() {
    within(USUAL, || {
        let server = || {
            Peer::tcp(|tcp| {
                until_it_spoke(&tcp);
                tcp.shutdown(Shutdown::Write).unwrap();
                wait(tcp);
            })
        };
        let report = fails(bare, server, 75, "handshake", &["the connection was closed at our TLS hello"]);
        assert!(!report.screen.contains("--no-pq"), "nobody has tried it: {}", report.screen);
        let server = || {
            Peer::tcp(|tcp| {
                until_it_spoke(&tcp);
                reset(tcp);
            })
        };
        fails(bare, server, 75, "handshake", &["the connection was reset at our TLS hello"]);
    });
}

fn until_it_spoke(tcp: &TcpStream) {
    assert_eq!(tcp.peek(&mut [0]).unwrap(), 1);
}

#[test]
fn a_client_certificate_that_is_wanted() {
    within(USUAL, || {
        let house = House::new();
        for (versions, stage) in [(TLS_1_2, "handshake"), (TLS_1_3, "greeting")] {
            let tls = || -> ServerConfig { house.leaf.server_with(versions, Some(&house.ca)) };
            let start = || Start::new().arg("--ca-file").arg(house.dir.path("ca.pem"));
            let words = ["the server wants a client certificate", "use --cert and --key"];
            let report = fails(start, || unsuccessful(tls()), 76, stage, &words);
            assert_eq!(report.line("pin"), house.leaf.pin);
        }
    });
}

/// Goal: what an old device has. OpenSSL still speaks it when it is asked to.
#[test]
fn tls_1_0_only() {
    if without_tool("openssl") {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let old = OpenSsl::start(&house.leaf, &["-tls1", "-cipher", "DEFAULT:@SECLEVEL=0"]);
        let report = report(house.bridge(old.host()));
        report.assert(76, &["failed handshake: the server has only TLS 1.1 or older"]);
    });
}

/// Goal: a greeting other than 220 gives no session, whichever host is the last.
#[test]
fn a_server_that_turns_us_away() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            link.send(b"554 5.7.1 we know you\r\n");
            let heard = link.line();
            link.until_closed();
            heard
        });
        let refused = report(house.bridge(peer.host()));
        refused.assert(75, &["failed greeting: the smarthost turned us away (554 5.7.1 we know you)"]);
        assert_eq!(peer.done(), "QUIT\r\n");
    });
}

/// Goal: EHLO is ours: what a server thinks of it says nothing about a session, which would begin.
#[test]
fn a_refused_ehlo_is_a_note() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            link.send(b"220 ready\r\n");
            link.line();
            link.send(b"550 5.7.1 no literals\r\n");
            let heard = link.line();
            link.close_notify();
            link.until_closed();
            heard
        });
        let refused = report(house.bridge(peer.host()));
        let note = "note our EHLO was refused (550 5.7.1 no literals); a client's may not be";
        refused.assert(0, &[note, "QUIT no answer", "result fine"]);
        assert_eq!(peer.done(), "QUIT\r\n");
    });
}

/// Goal: 421 is no answer to our words: a monitor hears of it.
#[test]
fn a_421_to_ehlo_is_a_warning() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            link.send(b"220 ready\r\n");
            link.line();
            link.send(b"421 4.3.2 shutting down\r\n");
            link.close_notify();
            link.until_closed();
        });
        let told = report(house.bridge(peer.host()).arg("-q"));
        peer.done();
        told.assert(0, &["warning the smarthost ended the session at our EHLO (421 4.3.2 shutting down)"]);
    });
}

/// Goal: an IMAP server on 993 speaks TLS too.
#[test]
fn another_protocol_inside_tls() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            link.send(b"* OK IMAP4rev1 ready\r\n");
            link.rest().0
        });
        let refused = report(house.bridge(peer.host()));
        refused.assert(76, &["failed greeting: this is not SMTP (* OK IMAP4rev1 ready); is the port right?"]);
        assert_eq!(peer.done(), b"", "nothing to say to it");
    });
}

/// Goal: a server that ends, or never ends, its answer.
#[test]
fn an_answer_to_ehlo_that_is_none() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            link.send(b"220 ready\r\n");
            link.line();
            link.send(b"250-half");
            link.close_notify();
            link.until_closed();
        });
        report(house.bridge(peer.host()))
            .assert(76, &["failed relay: the server closed the connection during the session"]);
        peer.done();
        for endless in ["250-again\r\n".repeat(5000), "x".repeat(60_000)] {
            let peer = Peer::start(&house.leaf, move |mut link| {
                link.send(b"220 ready\r\n");
                link.line();
                let _ = link.try_send(endless.as_bytes());
                link.until_closed();
            });
            report(house.bridge(peer.host()))
                .assert(76, &["failed relay: this is not SMTP (a ", " without an end); is the port right?"]);
            peer.done();
        }
    });
}

/// Goal: a server that greets and then stands still does not hold a monitor.
#[test]
fn promise_4_a_server_that_stops_behind_its_greeting_does_not_hold_us() {
    within(USUAL, || {
        if without_hooks() {
            return;
        }
        let house = House::new();
        let peer = Peer::start(&house.leaf, |mut link| {
            link.send(b"220 ready\r\n");
            link.until_closed();
        });
        let report = report(house.bridge(peer.host()).speed(20));
        report.assert(74, &["failed relay: no reply within 15 s; ask the server's administrator for its log"]);
        peer.done();
    });
}

/// `openssl s_server`, ended with the test.
struct OpenSsl {
    child: Child,
    port: u16,
    _dir: Dir,
}

impl OpenSsl {
    fn start(leaf: &Leaf, args: &[&str]) -> OpenSsl {
        let dir = Dir::new();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("openssl")
            .args(["s_server", "-quiet", "-accept", &format!("127.0.0.1:{port}")])
            .arg("-cert")
            .arg(dir.write("cert.pem", &leaf.cert_pem))
            .arg("-key")
            .arg(dir.write("key.pem", &leaf.key_pem))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until(Duration::from_secs(10), "openssl listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        OpenSsl { child, port, _dir: dir }
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
