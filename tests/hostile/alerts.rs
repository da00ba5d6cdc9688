//! Every alert in the place of a hello.

use crate::hostile::by_hand::Link;
use crate::hostile::{breaks_rules, cases, no_session, Group, ALERT};
use crate::support::bridge::House;
use crate::support::limit::{within, USUAL};
use crate::support::peer::Peer;

/// RFC 8446 section 6 and RFC 5246 section 7.2.
pub const ALERTS: [(u8, &str); 36] = [
    (10, "unexpected_message"),
    (20, "bad_record_mac"),
    (21, "decryption_failed"),
    (22, "record_overflow"),
    (30, "decompression_failure"),
    (40, "handshake_failure"),
    (41, "no_certificate"),
    (42, "bad_certificate"),
    (43, "unsupported_certificate"),
    (44, "certificate_revoked"),
    (45, "certificate_expired"),
    (46, "certificate_unknown"),
    (47, "illegal_parameter"),
    (48, "unknown_ca"),
    (49, "access_denied"),
    (50, "decode_error"),
    (51, "decrypt_error"),
    (60, "export_restriction"),
    (70, "TLS 1.1 or older"),
    (71, "insufficient_security"),
    (80, "internal_error"),
    (86, "inappropriate_fallback"),
    (90, "user_canceled"),
    (100, "no_renegotiation"),
    (109, "missing_extension"),
    (110, "unsupported_extension"),
    (111, "certificate_unobtainable"),
    (112, "unrecognized_name"),
    (113, "bad_certificate_status_response"),
    (114, "bad_certificate_hash_value"),
    (115, "unknown_psk_identity"),
    (116, "certificate_required"),
    (120, "no_application_protocol"),
    (121, "ech_required"),
    (99, "alert 99)"),
    (255, "alert 255)"),
];

/// Goal: every alert ends the handshake under the name that the RFC gives it.
#[test]
fn every_alert_instead_of_a_hello_has_its_name_in_the_line() {
    within(USUAL, || {
        let house = House::new();
        for (code, name) in ALERTS {
            let server = || Peer::tcp(move |tcp| Link::new(tcp).send(ALERT, &[2, code]));
            breaks_rules(&format!("alert {code}"), &house, server, 76, name);
        }
    });
}

/// Goal: close_notify before there are keys may come from anyone. It is no end and no loop (CVE-2024-32650): the deadline
/// ends a wait for more, and a flood of it is refused.
#[test]
fn close_notify_in_the_handshake_is_no_endless_loop() {
    within(USUAL, || {
        let house = House::new();
        let server = || {
            Peer::tcp(|tcp| {
                let mut link = Link::new(tcp);
                link.send(ALERT, &[1, 0]);
                // Until the bridge is gone.
                drop(std::io::copy(&mut link.tcp, &mut std::io::sink()));
            })
        };
        let (refusal, ()) = no_session(server, |host| house.bridge(host).args(["--setup-timeout", "1"]));
        refusal.assert("4.4.2", 75, &["TLS handshake not done within 1 s", "stage=handshake"]);
        cases(Group::TlsServers, 1);

        let server = || Peer::tcp(|tcp| Link::new(tcp).flood(ALERT, &[1, 0]));
        breaks_rules("a flood", &house, server, 76, "too many warning alerts received");
    });
}
