//! The words of a line: design section 8.

use std::io::{Read, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use rcgen::CertificateParams;
use time::OffsetDateTime;

use crate::support::bridge::House;
use crate::support::build::GROUP;
use crate::support::ca::LOCAL_NAMES;
use crate::support::limit::{within, USUAL};
use crate::support::mail;
use crate::support::outcome::refusal;
use crate::support::peer::Peer;
use crate::support::talk::Hear;

const DAY: i64 = 86_400;

fn in_days(days: i64) -> OffsetDateTime {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    OffsetDateTime::from_unix_timestamp(i64::try_from(now).unwrap() + days * DAY).unwrap()
}

/// A year long, five days left.
pub fn nearly_expired(params: &mut CertificateParams) {
    (params.not_before, params.not_after) = (in_days(-360), in_days(5));
}

/// The log of one message through a smarthost with this certificate.
fn log_with(change: impl FnOnce(&mut CertificateParams)) -> String {
    let house = House::new();
    let smarthost = mail::smarthost(&house.ca.leaf_with(&LOCAL_NAMES, change));
    let (bridge, mut client) = house.bridge(smarthost.host()).socket();
    mail::submit(&mut client.try_clone().unwrap(), &mut client);
    assert!(client.rest().is_empty());
    drop(client);
    let ended = bridge.finish();
    ended.assert("close_notify", 0);
    ended.log
}

/// Goal: the line of a session has every field of the design, in its order.
#[test]
fn the_line_of_a_session_has_every_field() {
    within(USUAL, || {
        let log = log_with(|_| {});
        let line = log.trim_end().strip_prefix("smtps-bridge: closed ").unwrap();
        let names: Vec<&str> = line.split(' ').filter_map(|field| field.split('=').next()).collect();
        let wanted = "host addr client tls suite group not_after up down setup_ms secs end mails";
        assert_eq!(names.join(" "), wanted, "{line}");
        for field in ["host=127.0.0.1", "tls=TLSv1.3", &format!("group={GROUP}"), "not_after=2100-01-01"] {
            assert!(line.contains(field), "{field} in {line}");
        }
    });
}

/// Goal: the line of a failure.
#[test]
fn the_line_of_a_failure_has_every_field() {
    within(USUAL, || {
        let house = House::new();
        let peer =
            Peer::before_handshake(house.ca.leaf_expired((2024, 3, 31)).server(rustls::ALL_VERSIONS), |mut link| {
                let _ = link.try_handshake();
                link.until_closed();
            });
        let refusal = refusal(house.bridge(peer.host()));
        let line = &refusal.line;
        assert!(
            line.starts_with(&format!(
                "smtps-bridge: failed stage=handshake host=127.0.0.1 addr={} client=127.0.0.1:",
                peer.addr
            )),
            "{line}"
        );
        assert!(line.contains(" tried=1 reason=\"certificate expired on 2024-03-31"), "{line}");
        assert!(line.contains(" reply=\"421 4.7.5\" setup_ms="), "{line}");
        assert_eq!(refusal.log.lines().count(), 1, "{}", refusal.log);
        peer.done();
    });
}

/// Goal: a warning while there is time to renew.
#[test]
fn a_certificate_with_five_days_left_is_warned_about() {
    within(USUAL, || {
        let log = log_with(nearly_expired);
        let warning =
            log.lines().find(|line| line.contains("expiring ")).unwrap_or_else(|| panic!("no warning: {log}"));
        assert!(warning.contains("host=127.0.0.1") && warning.contains("not_after="), "{warning}");
        assert_eq!(log.lines().count(), 2, "{log}");
    });
}

/// Goal: a certificate that lives for a week is renewed every few days; two days left (more than a fifth) is no news.
#[test]
fn a_short_lived_certificate_is_not_warned_about_every_day() {
    within(USUAL, || {
        let log = log_with(|params| (params.not_before, params.not_after) = (in_days(-5), in_days(2)));
        assert_eq!(log.lines().count(), 1, "{log}");
    });
}

/// Goal: what a server says cannot forge a line, colour a terminal or flood the log.
#[test]
fn what_a_server_says_is_escaped_and_capped_in_line_and_reply() {
    within(USUAL, || {
        let house = House::new();
        let peer = Peer::tcp(|mut tcp| {
            let mut hello = [0; 1];
            tcp.read_exact(&mut hello).unwrap();
            let forged = "220 \x1b[31m\" reply=\"250 ok\"\rsmtps-bridge: closed host=evil\u{fffd}";
            let _ = tcp.write_all(forged.as_bytes());
            let _ = tcp.write_all(&[b'x'; 100_000]);
            let _ = std::io::copy(&mut tcp, &mut std::io::sink());
        });
        let refusal = refusal(house.bridge(peer.host()));
        refusal.assert("4.7.5", 76, &["plain SMTP"]);
        assert_eq!(refusal.log.lines().count(), 1, "{}", refusal.log);
        let line = &refusal.line;
        assert!(line.len() <= 960 + "smtps-bridge: ".len(), "{} octets", line.len());
        assert!(line.bytes().all(|b| (0x20..=0x7e).contains(&b)), "{line:?}");
        assert!(line.contains(" reply=\"421 4.7.5\" ") && !line.contains("\"250 ok\""), "{line}");
        peer.done();
    });
}

/// Goal: of a certificate of ten thousand names three and a count are shown.
#[test]
fn a_certificate_of_many_names_makes_a_short_line() {
    within(USUAL, || {
        let house = House::new();
        let peer =
            Peer::before_handshake(house.ca.leaf_with_many_names(500).server(rustls::ALL_VERSIONS), |mut link| {
                let _ = link.try_handshake();
                link.until_closed();
            });
        let refusal = refusal(house.bridge(peer.host()));
        refusal.assert("4.7.5", 69, &["host-0.example.net", "497 more"]);
        assert!(refusal.reply.contains("497 more") && refusal.line.len() < 960, "{refusal:?}");
        peer.done();
    });
}

/// Goal: promise 6. What the client reads names no file of ours, what the log says does.
#[test]
fn a_path_is_in_the_log_and_not_in_the_reply() {
    within(USUAL, || {
        let house = House::new();
        let missing = house.dir.path("missing.pem");
        let start = crate::support::bridge::Start::new().arg("--ca-file").arg(&missing).arg("127.0.0.1:1");
        let refusal = refusal(start);
        refusal.assert("4.3.5", 78, &[&missing.display().to_string()]);
        assert!(!refusal.reply.contains("missing.pem"), "{}", refusal.reply);
    });
}

/// Goal: the counts of the line are those of the client.
#[test]
fn up_and_down_count_the_clients_octets() {
    within(USUAL, || {
        let house = House::new();
        let smarthost = mail::smarthost(&house.leaf);
        let (bridge, client) = house.bridge(smarthost.host()).socket();
        let (mut up, mut down) = (Counted { to: &client, n: 0 }, Counted { to: &client, n: 0 });
        mail::submit(&mut down, &mut up);
        assert!((&client).rest().is_empty());
        let counts = format!(" up={} down={} ", up.n, down.n);
        drop(client);
        let ended = bridge.finish();
        assert!(ended.line().contains(&counts), "{counts} in {}", ended.log);
    });
}

struct Counted<'a> {
    to: &'a std::net::TcpStream,
    n: usize,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.to.read(buffer).inspect(|n| self.n += n)
    }
}

impl Write for Counted<'_> {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.to.write(data).inspect(|n| self.n += n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
