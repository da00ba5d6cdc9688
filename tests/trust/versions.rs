//! TLS versions and suites: what is spoken, and what is said if there is nothing in common.

use crate::hostile::{cases, Group};
use crate::support::bridge::House;
use crate::support::limit::{within, USUAL};
use crate::support::namespace::without_tool;
use crate::support::outcome::{refusal, serve, session, unsuccessful};
use crate::support::peer::{Peer, TLS_1_2, TLS_1_3};
use crate::trust::openssl::Server;

#[test]
fn tls_1_2_and_1_3_are_spoken_and_told_in_the_log() {
    within(USUAL, || {
        let house = House::new();
        for (version, word) in
            [(TLS_1_2, "tls=TLSv1.2"), (TLS_1_3, "tls=TLSv1.3"), (rustls::ALL_VERSIONS, "tls=TLSv1.3")]
        {
            let peer = Peer::with(house.leaf.server(version), serve);
            let ended = session(house.bridge(peer.host()));
            assert!(ended.line().contains(word), "{}", ended.log);
            peer.done();
        }
        let peer = Peer::with(house.leaf.server(TLS_1_3), serve);
        session(house.bridge(peer.host()).args(["--min-tls", "1.3"]));
        peer.done();
    });
}

/// Goal: the sentence names the option that is in the way; "only TLS 1.1 or older" would be wrong here.
#[test]
fn a_server_of_tls_1_2_under_min_tls_1_3_is_told_with_the_option() {
    within(USUAL, || {
        let house = House::new();
        let peer = unsuccessful(house.leaf.server(TLS_1_2));
        let refusal = refusal(house.bridge(peer.host()).args(["--min-tls", "1.3"]));
        refusal.assert("4.7.5", 76, &["stage=handshake", "--min-tls"]);
        assert!(!refusal.line.contains("TLS 1.1"), "{refusal:#?}");
        assert_eq!(peer.done(), b"");
    });
}

/// Goal: real servers with old versions, and with one suite that no one offers any more, give 76 with the reason.
#[test]
fn an_old_openssl_server_is_refused_with_the_reason() {
    if without_tool("openssl") {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        house.dir.write("cert.pem", &house.leaf.cert_pem);
        house.dir.write("key.pem", &house.leaf.key_pem);
        let old: [(&[&str], &str); 3] = [
            (&["-tls1", "-cipher", "ALL@SECLEVEL=0"], "only TLS 1."),
            (&["-tls1_1", "-cipher", "ALL@SECLEVEL=0"], "only TLS 1."),
            (&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA@SECLEVEL=0"], "handshake_failure"),
        ];
        for (args, words) in old {
            let Some(server) = Server::start(&house.dir, args) else { continue };
            refusal(house.bridge(server.host())).assert("4.7.5", 76, &["stage=handshake", words]);
            cases(Group::TlsServers, 1);
        }
        let Some(server) = Server::start(&house.dir, &["-tls1_2"]) else { return };
        refusal(house.bridge(server.host()).args(["--min-tls", "1.3"])).assert("4.7.5", 76, &["--min-tls"]);
    });
}
