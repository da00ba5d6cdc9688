//! What `--check` sees coming. None of it fails a session today.

use std::path::PathBuf;

use rcgen::KeyUsagePurpose;

use super::{good, report, smarthost};
use crate::hostile::at;
use crate::reach::lookup::{name_server_for, resolver, A, NO_ERROR};
use crate::support::bridge::{House, Start};
use crate::support::ca::Leaf;
use crate::support::limit::{within, without_hooks, without_root, USUAL};
use crate::support::namespace::inside;
use crate::support::peer::Peer;

/// `--cert` and `--key`, with these rights of the key's file.
fn identity(house: &House, leaf: &Leaf, mode: u32) -> [PathBuf; 2] {
    let files = [house.dir.write("me.pem", &leaf.cert_pem), house.dir.write("key.pem", &leaf.key_pem)];
    house.dir.mode("key.pem", mode);
    files
}

fn with_identity(house: &House, host: String, [cert, key]: &[PathBuf; 2]) -> Start {
    house.bridge(host).arg("--cert").arg(cert).arg("--key").arg(key)
}

/// Goal: root reads the files before it becomes another user, whose sessions may have to read them by themselves.
#[test]
fn files_that_only_root_can_read_are_a_note_and_a_key_that_others_can_read_is_one() {
    if without_root() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        house.dir.mode("ca.pem", 0o600);
        let files = identity(&house, &house.ca.client("me"), 0o644);
        let (ca, key) = (house.dir.path("ca.pem"), &files[1]);
        let unreadable = format!("note only root can read {}: fine if the superserver starts us as root", ca.display());
        let readable =
            format!("note the user that we become can read {}, a private key: let root alone", key.display());
        let peer = good(&house);
        let told = report(with_identity(&house, peer.host(), &files));
        peer.done();
        told.assert(0, &["this program", &unreadable, &readable, "result fine"]);
        house.dir.mode("ca.pem", 0o644);
        let root_alone = format!("note only root can read {}", key.display());
        house.dir.mode("key.pem", 0o600);
        let peer = good(&house);
        let told = report(with_identity(&house, peer.host(), &files));
        peer.done();
        told.assert(0, &[&root_alone, "result fine"]);
        assert_eq!(told.screen.matches("can read").count(), 1, "{}", told.screen);
    });
}

/// Goal: a note is no reason for cron to send mail.
#[test]
fn a_good_server_leaves_q_silent_whatever_is_noted() {
    if without_root() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        house.dir.mode("ca.pem", 0o600);
        let peer = good(&house);
        let told = report(house.bridge(peer.host()).arg("-q"));
        peer.done();
        assert_eq!((told.code, &*told.screen), (0, ""));
    });
}

/// Goal: a certificate of ours that is not for clients works with servers that do not look.
#[test]
fn our_certificate_that_is_not_for_clients_is_warned_of() {
    within(USUAL, || {
        let house = House::new();
        for (leaf, warned) in [(house.ca.leaf(), true), (house.ca.client("me"), false)] {
            let files = identity(&house, &leaf, 0o600);
            let peer = good(&house);
            let told = report(with_identity(&house, peer.host(), &files).arg("-q"));
            peer.done();
            told.assert(0, &[]);
            let words = "our certificate (--cert) warning it is not for clients (extended key usage)";
            assert_eq!(told.flat().contains(words), warned, "{}", told.screen);
        }
    });
}

/// Goal: what a later version of the verifier will refuse is reported while there is time.
#[test]
fn a_key_usage_without_digital_signatures_is_warned_of() {
    within(USUAL, || {
        let mut house = House::new();
        for (usage, warned) in [(KeyUsagePurpose::KeyEncipherment, true), (KeyUsagePurpose::DigitalSignature, false)] {
            house.leaf = house.ca.leaf_with(&["127.0.0.1"], |params| params.key_usages = vec![usage]);
            let peer = good(&house);
            let told = report(house.bridge(peer.host()));
            peer.done();
            told.assert(0, &["result"]);
            let words = "key usage does not allow digital signatures";
            assert_eq!(told.flat().contains(words), warned, "{}", told.screen);
            assert_eq!(told.flat().contains("a session would begin; see the warning above"), warned, "{}", told.screen);
        }
    });
}

/// Goal: every session waits for a lookup, and nothing else would say so.
#[test]
fn a_slow_lookup_is_warned_of() {
    inside(|| {
        if without_hooks() {
            return;
        }
        let _dir = resolver();
        // No answer to AAAA: the resolver waits for it, 1 s, and each second is 4 s of the bridge's.
        name_server_for(|kind| kind == A, NO_ERROR, Some([127, 0, 0, 1].into()));
        let mut house = House::new();
        house.leaf = house.ca.leaf_for(&["smarthost.example"]);
        let peer = Peer::start(&house.leaf, smarthost);
        let told = report(house.bridge(format!("smarthost.example:{}", peer.addr.port())).speed(4));
        peer.done();
        told.assert(0, &[", and each session waits for it: check this machine's"]);
    });
}

/// Goal: a program that is never updated has roots that are never updated.
#[test]
fn old_roots_are_warned_of() {
    within(USUAL, || {
        let host = "127.0.0.1:1";
        for (time, warned) in [("2036-01-01 00:00:00", true), ("2026-11-01 00:00:00", false)] {
            let Some(start) = at(Start::new().args([host, "-q"]), time) else { return };
            let told = report(start);
            let words = "this program warning its roots are of ";
            assert_eq!(told.flat().contains(words), warned && !cfg!(feature = "system-roots"), "{}", told.screen);
        }
    });
}
