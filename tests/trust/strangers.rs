//! Promise 3 in words: somebody in between presents certificates too, and no sentence of ours may lead an administrator to
//! trust them.

use crate::support::bridge::Start;
use crate::support::ca::{self_signed_leaf, Ca};
use crate::support::dir::Dir;
use crate::support::limit::{within, USUAL};
use crate::support::outcome::refusal;
use crate::support::peer::Peer;
use crate::trust::{chain, refuses_by_name, trusting};

/// Goal: a captive portal has a good certificate for its own name. A bug that was: "give that name as --server-name".
#[test]
fn promise_3_a_captive_portals_name_is_not_recommended() {
    within(USUAL, || {
        let (dir, ca) = (Dir::new(), Ca::new());
        let portal = ca.leaf_for(&["portal.hotel.example"]);
        let words = [
            "certificate is for another name (portal.hotel.example); correct HOST, or ask the server's administrator",
            "maybe somebody in between",
            "--server-name is for a name that its administrator confirms",
        ];
        let refusal = refuses_by_name(trusting(&ca, &dir), chain(&portal, &[]), &words, &["--server-name portal"]);
        assert!(refusal.reply.contains("in between"), "{refusal:#?}");
    });
}

/// Goal: a company's TLS inspection makes a certificate for the right name, from its own CA, and sends that. A bug that was:
/// "use --ca-file with that CA", with no word of confirming.
#[test]
fn promise_3_the_ca_of_a_tls_inspection_is_not_recommended_without_a_word_of_confirming() {
    within(USUAL, || {
        let inspection = Ca::named("Inspection CA");
        let leaf = inspection.leaf();
        let cure = |option| {
            if cfg!(feature = "system-roots") {
                "maybe somebody in between; trust it here once its administrator confirms it"
            } else {
                option
            }
        };
        let words = [
            "certificate from an unknown CA (CN=Inspection CA, not in ",
            cure("maybe somebody in between; use --ca-file once its administrator confirms it"),
        ];
        refuses_by_name(Start::new(), chain(&leaf, &[&inspection]), &words, &[]);
        let words = [
            "self-signed certificate (not in ",
            cure("maybe somebody in between; use --pin-only once its administrator confirms it"),
        ];
        refuses_by_name(Start::new(), chain(&self_signed_leaf(), &[]), &words, &["sha256//"]);
        // If a file is given already, another --ca-file is no cure.
        let dir = Dir::new();
        let words =
            ["CN=Inspection CA, not in our CA file); maybe somebody in between; trust it here once its administrator"];
        refuses_by_name(trusting(&Ca::new(), &dir), chain(&leaf, &[&inspection]), &words, &["--ca-file"]);
    });
}

/// Goal: a CA of its own does not help if the name is wrong too: the next refusal would be that.
#[test]
fn promise_3_no_ca_is_recommended_for_a_certificate_of_another_name() {
    within(USUAL, || {
        let stranger = Ca::named("Somebody's CA");
        let words = ["certificate is for another name, from an unknown CA (other.example); correct HOST; maybe somebody in between"];
        refuses_by_name(
            Start::new(),
            chain(&stranger.leaf_for(&["other.example"]), &[&stranger]),
            &words,
            &["--ca-file", "--pin-only"],
        );
        let (dir, ca) = (Dir::new(), Ca::new());
        let expired = ca.leaf_with(&["other.example"], |params| params.not_after = rcgen::date_time_ymd(2021, 11, 1));
        let words = [
            "certificate is for another name, and expired (other.example); correct HOST",
            "expired on 2021-11-01, today is 20",
        ];
        refuses_by_name(trusting(&ca, &dir), chain(&expired, &[]), &words, &["renew"]);
    });
}

/// Goal: what was said without TLS may come from anyone: the client reads none of it, and the log marks it.
#[test]
fn promise_3_words_that_came_without_tls_are_in_the_log_alone() {
    within(USUAL, || {
        for (said, code) in
            [("554 call 0800-ATTACKER", 75), ("421 call 0800-ATTACKER", 75), ("HTTP/1.1 call 0800-ATTACKER", 76)]
        {
            let peer = Peer::tcp(move |mut tcp| {
                std::io::Write::write_all(&mut tcp, format!("{said}\r\n").as_bytes()).unwrap();
                let _ = std::io::copy(&mut tcp, &mut std::io::sink());
            });
            let refusal = refusal(Start::new().args(["-4", &peer.name()]));
            assert_eq!(refusal.code, code, "{refusal:#?}");
            assert!(!refusal.reply.contains("ATTACKER"), "{refusal:#?}");
            assert!(refusal.line.contains(&format!(" clear=\"{said}\" reply=")), "{refusal:#?}");
            peer.done();
        }
    });
}
