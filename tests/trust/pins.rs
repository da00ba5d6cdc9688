//! `--pin`: the key must also be one of these. It adds to the chain check and takes nothing from it.

use crate::support::ca::{pin, Ca};
use crate::support::dir::Dir;
use crate::support::limit::{within, USUAL};
use crate::support::outcome::{good, session};
use crate::trust::{refuses_certificate, trusting};

#[test]
fn the_right_pin_among_several_lets_a_good_certificate_pass() {
    within(USUAL, || {
        let (dir, ca) = (Dir::new(), Ca::new());
        let (leaf, wrong) = (ca.leaf(), pin(b"another key"));
        for pins in [vec![&leaf.pin], vec![&wrong, &leaf.pin], vec![&leaf.pin, &wrong], vec![&leaf.pin, &leaf.pin]] {
            let start = pins.into_iter().fold(trusting(&ca, &dir), |start, pin| start.arg("--pin").arg(pin));
            let peer = good(&leaf);
            session(start.arg(peer.host()));
            peer.done();
        }
    });
}

/// Goal: the sentence has the smarthost's new key, in a form that an administrator can compare and paste.
#[test]
fn promise_3_a_key_that_is_not_pinned_is_refused_and_shown() {
    within(USUAL, || {
        let (dir, ca) = (Dir::new(), Ca::new());
        for version in [rustls::ALL_VERSIONS, crate::support::peer::TLS_1_2] {
            let leaf = ca.leaf();
            let start = trusting(&ca, &dir).arg("--pin").arg(pin(b"a key")).arg("--pin").arg(ca.leaf().pin);
            refuses_certificate(start, leaf.server(version), &["not the pinned one", &leaf.pin]);
        }
    });
}

/// Goal: as in curl, a pin replaces neither issuer nor name nor date.
#[test]
fn promise_3_the_right_pin_does_not_make_a_bad_certificate_good() {
    within(USUAL, || {
        let (dir, ca) = (Dir::new(), Ca::new());
        let table = [
            (Ca::named("Unknown CA").leaf(), "unknown CA"),
            (ca.leaf_for(&["other.example"]), "other.example"),
            (ca.leaf_expired((2021, 11, 1)), "expired"),
        ];
        for (leaf, word) in table {
            let start = trusting(&ca, &dir).arg("--pin").arg(&leaf.pin);
            refuses_certificate(start, leaf.server(rustls::ALL_VERSIONS), &[word]);
        }
    });
}
