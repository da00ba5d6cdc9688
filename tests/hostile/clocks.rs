//! Certificates at the edges of their days, and clocks at the edges of theirs.

use crate::hostile::{at, cases, no_session, Group};
use crate::support::bridge::House;
use crate::support::ca::Date;
use crate::support::limit::{within, USUAL};
use crate::support::outcome::{good, session, unsuccessful};

/// From a day to a day, the bridge's clock in UTC, and the words of a refusal; none: a session.
type Row = (Date, Date, &'static str, &'static [&'static str]);

#[track_caller]
fn go_through(table: &'static [Row]) {
    within(USUAL, move || {
        let house = House::new();
        for &(from, to, time, words) in table {
            let leaf = house.ca.leaf_valid(from, to);
            if words.is_empty() {
                let peer = good(&leaf);
                let Some(start) = at(house.bridge(peer.host()), time) else { return };
                session(start);
                peer.done();
            } else {
                if at(house.bridge("127.0.0.1"), time).is_none() {
                    return;
                }
                let server = || unsuccessful(leaf.server(rustls::ALL_VERSIONS));
                let start = |host| at(house.bridge(host), time).expect("libfaketime, as above");
                let (refusal, heard) = no_session(server, start);
                refusal.assert("4.7.5", 69, words);
                assert_eq!(refusal.log.lines().count(), 1, "{time}: {refusal:#?}");
                assert_eq!(heard, b"");
            }
            cases(Group::Certificates, 1);
        }
    });
}

/// Goal: both ends of a certificate's life belong to it (RFC 5280 section 4.1.2.5), and not a second more.
#[test]
fn a_certificate_lives_to_the_second() {
    const FROM: Date = (2025, 3, 1);
    const TO: Date = (2026, 3, 1);
    go_through(&[
        (
            FROM,
            TO,
            "2025-02-28 23:59:59",
            &["not valid before 2025-03-01, today is 2025-02-28; set this machine's clock"],
        ),
        (FROM, TO, "2025-03-01 00:00:00", &[]),
        (FROM, TO, "2026-03-01 00:00:00", &[]),
        (FROM, TO, "2026-03-01 00:00:01", &["expired on 2026-03-01"]),
    ]);
}

/// Goal: a clock at its start (no battery) or at the end of 32 bits says that it may be the clock, and a certificate that
/// is valid then is valid.
#[test]
fn a_clock_at_1970_or_2106_is_told_as_a_clock() {
    const FROM: Date = (2020, 1, 1);
    const TO: Date = (2040, 1, 1);
    // RFC 5280 section 4.1.2.5: no end that is known.
    const NEVER: Date = (9999, 12, 31);
    go_through(&[
        (
            FROM,
            TO,
            "1970-01-01 00:00:00",
            &["not valid before 2020-01-01, today is 1970-01-01; set this machine's clock, which is wrong"],
        ),
        (
            FROM,
            TO,
            "1970-01-01 00:00:01",
            &["not valid before 2020-01-01, today is 1970-01-01; set this machine's clock, which is wrong"],
        ),
        (FROM, TO, "2038-01-19 03:14:08", &[]),
        (
            FROM,
            TO,
            "2106-02-07 06:28:17",
            &["expired on 2040-01-01, today is 2106-02-07; ask the server's administrator to renew it; or set"],
        ),
        ((1970, 1, 1), TO, "1970-01-01 00:00:01", &[]),
        // webpki's time begins in 1970 (RFC 5280 knows of dates before it).
        ((1969, 12, 31), TO, "2026-01-01 00:00:00", &["certificate refused: it cannot be read"]),
        (FROM, NEVER, "2106-02-07 06:28:17", &[]),
        ((2100, 1, 1), NEVER, "2106-02-07 06:28:17", &[]),
    ]);
}

/// Goal: a certificate that ends before it begins is never valid.
#[test]
fn a_certificate_that_ends_before_it_begins_is_never_valid() {
    go_through(&[
        ((2026, 3, 1), (2025, 3, 1), "2025-09-01 00:00:00", &["stage=handshake"]),
        ((2026, 3, 1), (2025, 3, 1), "2026-09-01 00:00:00", &["stage=handshake"]),
    ]);
}
