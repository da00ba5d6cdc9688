//! Keys and signatures that prove nothing any more, and CAs of the right name with the wrong key: the sentence says what
//! the administrator has to change. Made by openssl(1), because rustls and rcgen would not.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::hostile::{cases, no_session, Group};
use crate::support::bridge::{House, Start};
use crate::support::ca::{presenting, Ca};
use crate::support::dir::Dir;
use crate::support::limit::{within, USUAL};
use crate::support::namespace::{sh, without_tool};
use crate::support::outcome::{serve, session, unsuccessful, Refusal};
use crate::support::peer::Peer;

/// A directory with a root (root.pem), a CA below it (sub.pem) and a leaf below that (leaf.pem), all of openssl.
struct Chain {
    dir: Dir,
}

impl Chain {
    /// `keys` as `-newkey` takes them, `hashes` of the signatures: of root, CA and leaf. A signature is of the one above.
    fn new(keys: [&str; 3], hashes: [&str; 3]) -> Chain {
        let dir = Dir::new();
        dir.write("ca.ext", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n");
        dir.write("leaf.ext", "basicConstraints=CA:FALSE\nsubjectAltName=IP:127.0.0.1\n");
        sh(&format!("cd {} && {}", dir.path("").display(), {
            let [root, sub, leaf] = keys;
            let [of_root, of_sub, of_leaf] = hashes;
            format!(
                "exec 2>&1
                new() {{ openssl req -new -newkey $2 -nodes -keyout $1.key -subj \"/CN=The $1\" -out $1.csr; }}
                sign() {{ openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -set_serial 7 -days 99 -$3 -extfile $4.ext -out $1.pem; }}
                new root '{root}'; new sub '{sub}'; new leaf '{leaf}'
                openssl x509 -req -in root.csr -signkey root.key -days 99 -{of_root} -extfile ca.ext -out root.pem
                sign sub root {of_sub} ca; sign leaf sub {of_leaf} leaf"
            )
        }));
        Chain { dir }
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path(name)).expect("a file of openssl")
    }

    /// The bridge that trusts the root, and the server that presents leaf and CA.
    fn server(&self) -> rustls::ServerConfig {
        let certs =
            ["leaf.pem", "sub.pem"].map(|file| CertificateDer::from_pem_slice(self.read(file).as_bytes()).unwrap());
        let key = PrivateKeyDer::from_pem_slice(self.read("leaf.key").as_bytes()).unwrap();
        presenting(certs.to_vec(), key, rustls::ALL_VERSIONS).expect("a key that rustls signs with")
    }

    fn bridge(&self, trusted: &str) -> Start {
        Start::new().arg("--ca-file").arg(self.dir.path(trusted))
    }

    /// Goal: 69, the words, and the server heard nothing.
    #[track_caller]
    fn refused(&self, trusted: &str, words: &[&str]) -> Refusal {
        let (refusal, heard) = no_session(|| unsuccessful(self.server()), |host| self.bridge(trusted).arg(host));
        refusal.assert("4.7.5", 69, words);
        assert_eq!(heard, b"");
        cases(Group::Certificates, 1);
        refusal
    }
}

const EC: &str = "ec -pkeyopt ec_paramgen_curve:P-256";
const RSA_1024: &str = "rsa:1024";
const RSA_2048: &str = "rsa:2048";
const GOOD: [&str; 3] = ["sha256"; 3];

/// Goal: the control: made in the same way with nothing weak in it, it gives a session.
#[test]
fn a_chain_of_openssl_with_nothing_weak_in_it_is_a_session() {
    if without_tool("openssl") {
        return;
    }
    within(USUAL, || {
        let chain = Chain::new([RSA_2048, EC, RSA_2048], GOOD);
        let peer = Peer::with(chain.server(), serve);
        session(chain.bridge("root.pem").arg(peer.host()));
        peer.done();
        cases(Group::Certificates, 1);
    });
}

/// Goal: a bug that was: the sentence was about the server's key, which is good.
#[test]
fn a_signature_of_an_old_hash_in_the_chain_is_told_by_its_name() {
    if without_tool("openssl") {
        return;
    }
    within(USUAL, || {
        for (hashes, words) in [
            (["sha256", "sha256", "sha1"], "\"certificate is signed with SHA-1"),
            (["sha256", "sha1", "sha256"], "intermediate 2 of 2 is signed with SHA-1, which is not safe (CN=The sub)"),
            (["sha256", "sha256", "md5"], "\"certificate is signed with MD5"),
        ] {
            let refusal = Chain::new([RSA_2048, RSA_2048, EC], hashes)
                .refused("root.pem", &[words, "ask the server's administrator for another"]);
            assert!(!refusal.line.contains("server's key"), "{refusal:#?}");
        }
        let refusal =
            Chain::new([EC, EC, EC], ["sha256", "sha1", "sha256"]).refused("root.pem", &["signed with SHA-1"]);
        assert!(!refusal.line.contains("server's key"), "{refusal:#?}");
    });
}

/// Goal: the signature on a root does not matter.
#[test]
fn an_old_hash_in_the_roots_own_signature_harms_nobody() {
    if without_tool("openssl") {
        return;
    }
    within(USUAL, || {
        let chain = Chain::new([RSA_2048, EC, EC], ["md5", "sha256", "sha256"]);
        let peer = Peer::with(chain.server(), serve);
        session(chain.bridge("root.pem").arg(peer.host()));
        peer.done();
        cases(Group::Certificates, 1);
    });
}

/// Goal: a bug that was: an RSA key of 1024 bits in a CA, trusted or sent, was reported as "unknown CA".
#[test]
fn a_weak_key_of_a_ca_is_told_as_that_and_not_as_an_unknown_issuer() {
    if without_tool("openssl") {
        return;
    }
    within(USUAL, || {
        for (keys, name, whose) in [
            ([RSA_1024, EC, EC], "CN=The root", "the key of our root CA cannot be used"),
            ([EC, RSA_1024, EC], "CN=The sub", "the key of intermediate 2 of 2 cannot be used"),
        ] {
            let refusal = Chain::new(keys, GOOD).refused("root.pem", &[name, whose, "RSA of 1024 bits", "2048"]);
            assert!(!refusal.line.contains("unknown CA"), "{refusal:#?}");
        }
    });
}

/// Goal: a CA that began anew under its old name: the file here has the old one, and "was not sent" would be no help.
#[test]
fn a_ca_of_the_right_name_and_another_key_is_told_as_that() {
    within(USUAL, || {
        let (house, namesake) = (House::new(), Ca::new());
        house.dir.write("ca.pem", format!("{}{}", Ca::named("Another CA").pem(), namesake.pem()));
        for chain in [house.leaf.chain(), [house.leaf.chain(), vec![house.ca.cert()]].concat()] {
            let server = || unsuccessful(presenting(chain.clone(), house.leaf.key(), rustls::ALL_VERSIONS).unwrap());
            let (refusal, _) = no_session(server, |host| house.bridge(host));
            refusal.assert("4.7.5", 69, &["its CA has a trusted name but another key (CN=Throw-away CA)"]);
            assert!(!refusal.line.contains("was not sent"), "{refusal:#?}");
            cases(Group::Certificates, 1);
        }
    });
}
