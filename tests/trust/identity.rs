//! `--cert` and `--key`: who we are, for smarthosts that ask.

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::hostile::{cases, Group};
use crate::support::bridge::{House, Start};
use crate::support::ca::Ca;
use crate::support::dir::Dir;
use crate::support::limit::{within, without_root, USUAL};
use crate::support::namespace::without_tool;
use crate::support::outcome::{refusal, serve, session, unsuccessful};
use crate::support::peer::{Peer, TLS_1_2, TLS_1_3};
use crate::trust::openssl::Server;
use crate::trust::refuses_configuration;

fn with(start: Start, dir: &Dir, cert: &str, key: &str) -> Start {
    start.arg("--cert").arg(dir.path(cert)).arg("--key").arg(dir.path(key))
}

#[test]
fn a_client_certificate_is_shown_to_a_server_that_demands_one() {
    within(USUAL, || {
        let (house, clients) = (House::new(), Ca::named("CA of clients"));
        let client = clients.client("bridge.example");
        house.dir.write("cert.pem", &client.cert_pem);
        house.dir.write("key.pem", &client.key_pem);
        house.dir.write("both.pem", client.cert_pem.clone() + &client.key_pem);
        house.dir.write("key-first.pem", client.key_pem.clone() + &client.cert_pem);
        for version in [TLS_1_2, TLS_1_3] {
            for (cert, key) in [("cert.pem", "key.pem"), ("both.pem", "both.pem"), ("key-first.pem", "key-first.pem")] {
                let peer = Peer::with(house.leaf.server_with(version, Some(&clients)), serve);
                session(with(house.bridge(peer.host()), &house.dir, cert, key));
                peer.done();
            }
        }
    });
}

/// Goal: a bug that was: of a certificate and its intermediate, joined by cat without a line end between them or with lines
/// that end in CR alone, only the first went to the server.
#[test]
fn a_client_certificate_keeps_its_intermediate_however_the_two_were_joined() {
    within(USUAL, || {
        let (house, clients) = (House::new(), Ca::named("CA of clients"));
        let between = clients.sub("Intermediate of clients");
        let client = between.client("bridge.example");
        house.dir.write("key.pem", &client.key_pem);
        let joined = format!("{}{}", client.cert_pem.trim_end(), between.pem());
        for chain in [joined.replace("\r\n", "\n"), joined.replace("\r\n", "\n").replace('\n', "\r")] {
            house.dir.write("cert.pem", chain);
            let peer = Peer::with(house.leaf.server_with(TLS_1_3, Some(&clients)), serve);
            session(with(house.bridge(peer.host()), &house.dir, "cert.pem", "key.pem"));
            peer.done();
        }
    });
}

/// Goal: the sentence says that it is about our certificate; on TLS 1.3 the refusal arrives only on the first read
/// behind the handshake.
#[test]
fn a_server_that_demands_a_certificate_that_we_have_not_is_told_with_the_options() {
    within(USUAL, || {
        let (house, clients) = (House::new(), Ca::named("CA of clients"));
        for version in [TLS_1_2, TLS_1_3] {
            let peer = unsuccessful(house.leaf.server_with(version, Some(&clients)));
            refusal(house.bridge(peer.host())).assert("4.7.5", 76, &["client certificate", "--cert and --key"]);
            assert_eq!(peer.done(), b"");
            cases(Group::TlsServers, 1);
        }
    });
}

/// Goal: the same with OpenSSL, which most smarthosts use, and which on TLS 1.2 says no more than handshake_failure.
#[test]
fn an_openssl_server_that_demands_a_certificate_is_told_with_the_options() {
    if without_tool("openssl") {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        house.dir.write("cert.pem", &house.leaf.cert_pem);
        house.dir.write("key.pem", &house.leaf.key_pem);
        for version in ["-tls1_3", "-tls1_2"] {
            let Some(server) = Server::start(&house.dir, &[version, "-Verify", "1"]) else { return };
            let refusal = refusal(house.bridge(server.host()));
            refusal.assert("4.7.5", 76, &["client certificate", "--cert and --key"]);
            cases(Group::TlsServers, 1);
        }
    });
}

#[test]
fn a_server_that_refuses_our_certificate_is_told_as_such() {
    within(USUAL, || {
        let (house, clients) = (House::new(), Ca::named("CA of clients"));
        let stranger = Ca::named("Another CA").client("bridge.example");
        house.dir.write("cert.pem", &stranger.cert_pem);
        house.dir.write("key.pem", &stranger.key_pem);
        for version in [TLS_1_2, TLS_1_3] {
            let peer = unsuccessful(house.leaf.server_with(version, Some(&clients)));
            let start = with(house.bridge(peer.host()), &house.dir, "cert.pem", "key.pem");
            refusal(start).assert("4.7.5", 76, &["refuses our client certificate (alert ", "which one it expects"]);
            peer.done();
            cases(Group::TlsServers, 1);
        }
    });
}

/// Goal: exit 78 with the file and the cure before any connection; no path and no key in the reply.
#[test]
fn a_certificate_or_key_that_cannot_be_used_is_named_with_the_cure() {
    within(USUAL, || {
        let (dir, ca) = (Dir::new(), Ca::new());
        let (client, other) = (ca.client("a.example"), ca.client("b.example"));
        dir.write("cert", &client.cert_pem);
        dir.write("key", &client.key_pem);
        dir.write("other-key", &other.key_pem);
        dir.write("empty", "");
        dir.write("text", "to be done\n");
        dir.write("damaged", client.cert_pem.replacen("MII", "M!!", 1));
        dir.write("der", rustls::pki_types::PrivateKeyDer::secret_der(&client.key()));
        dir.write("encrypted", client.key_pem.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"));
        // As OpenSSL wrote it before PKCS#8 (RFC 1421 section 4.6.1.1).
        dir.write(
            "old-encrypted",
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n\
             AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n-----END RSA PRIVATE KEY-----\n",
        );
        mkfifo(&dir.path("fifo"), Mode::from_bits_truncate(0o644)).unwrap();
        let table: [(&str, &str, &str, &[&str]); 14] = [
            ("absent", "key", "absent", &["--cert", "no such file"]),
            ("cert", "absent", "absent", &["--key", "no such file"]),
            ("empty", "key", "empty", &["--cert", "is empty"]),
            ("cert", "empty", "empty", &["--key", "is empty"]),
            ("text", "key", "text", &["--cert", "PEM"]),
            ("key", "key", "key", &["--cert", "PEM"]),
            ("damaged", "key", "damaged", &["--cert", "damaged"]),
            ("cert", "cert", "cert", &["--key", "PEM"]),
            ("cert", "der", "der", &["--key", "is DER", "openssl pkey -inform der"]),
            ("cert", "encrypted", "encrypted", &["--key", "is encrypted", "openssl pkey"]),
            ("cert", "old-encrypted", "old-encrypted", &["--key", "is encrypted", "openssl pkey"]),
            ("cert", "other-key", "other-key", &["--key", "not the key of the certificate"]),
            ("", "key", "", &["--cert", "is a directory"]),
            ("cert", "fifo", "fifo", &["--key", "not a regular file"]),
        ];
        for (cert, key, named, words) in table {
            let path = dir.path(named);
            let refusal = refuses_configuration(
                with(Start::new(), &dir, cert, key),
                &[&[path.to_str().unwrap()], words].concat(),
            );
            let secret = client.key_pem.lines().nth(1).unwrap();
            assert!(!refusal.log.contains(secret) && !refusal.reply.contains(secret), "{refusal:#?}");
        }
    });
}

/// Goal: a key is for root to read; the bridge reads it before it becomes `nobody`, and says so if it cannot.
#[test]
fn a_key_that_only_root_may_read_serves_root_and_names_the_user_to_others() {
    if without_root() {
        return;
    }
    within(USUAL, || {
        let (house, clients) = (House::new(), Ca::named("CA of clients"));
        let client = clients.client("bridge.example");
        house.dir.write("cert.pem", &client.cert_pem);
        house.dir.write("key.pem", &client.key_pem);
        house.dir.mode("key.pem", 0o600);
        let peer = Peer::with(house.leaf.server_with(rustls::ALL_VERSIONS, Some(&clients)), serve);
        session(with(house.bridge(peer.host()), &house.dir, "cert.pem", "key.pem"));
        peer.done();
        let start = with(Start::new().user(65534), &house.dir, "cert.pem", "key.pem");
        refuses_configuration(start, &["--key", "key.pem", "denied", "uid 65534"]);
    });
}
