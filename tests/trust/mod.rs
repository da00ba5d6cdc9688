//! Whom the bridge talks to, and whom not: trust anchors, pins, client identity, versions, groups.

mod anchors;
mod by_address;
mod ca_file;
mod hello;
mod identity;
mod key_only;
mod names;
pub mod openssl;
mod pins;
mod refused;
mod signature;
mod strangers;
mod versions;
mod which;

use rustls::{ServerConfig, SupportedProtocolVersion};

use crate::hostile::{cases, Group};
use crate::support::bridge::Start;
use crate::support::ca::{self, Ca, Leaf};
use crate::support::outcome::{refusal, unsuccessful, Refusal};

/// The bridge to `peer` with the file of `ca`, in the directory of the test.
fn trusting(ca: &Ca, dir: &crate::support::dir::Dir) -> Start {
    Start::new().arg("--ca-file").arg(dir.write("ca.pem", ca.pem()))
}

/// Goal of every refusal here: exit 69, 421 4.7.5, and the server got no octet behind the handshake.
#[track_caller]
fn refuses_certificate(start: Start, tls: ServerConfig, words: &[&str]) -> Refusal {
    let peer = unsuccessful(tls);
    let refusal = refusal(start.arg(peer.host()));
    refusal.assert("4.7.5", 69, &[&["stage=handshake"], words].concat());
    assert_eq!(peer.done(), b"", "promise 3: the server heard something");
    cases(Group::Certificates, 1);
    refusal
}

/// The same of a server that is dialled by its name, and what the sentence must not say, in the log or to the client.
#[track_caller]
fn refuses_by_name(start: Start, tls: ServerConfig, words: &[&str], never: &[&str]) -> Refusal {
    let peer = unsuccessful(tls);
    let refusal = refusal(start.args(["-4", &peer.name()]));
    refusal.assert("4.7.5", 69, &[&["stage=handshake"], words].concat());
    assert_eq!(peer.done(), b"", "promise 3: the server heard something");
    for word in never {
        assert!(!refusal.log.contains(word) && !refusal.reply.contains(word), "{word:?} is said: {refusal:#?}");
    }
    cases(Group::Certificates, 1);
    refusal
}

/// A server that presents these, with the key of the leaf.
fn chain(leaf: &Leaf, above: &[&Ca]) -> ServerConfig {
    let chain = leaf.chain().into_iter().chain(above.iter().map(|ca| ca.cert())).collect();
    ca::presenting(chain, leaf.key(), rustls::ALL_VERSIONS).unwrap()
}

/// A server that presents the certificate of one leaf and signs with the key of another; or with the same, if rustls would
/// not serve the certificate.
fn presenting(certificate: &Leaf, key: &Leaf, versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
    ca::presenting(certificate.chain(), key.key(), versions).unwrap()
}

/// A port that the bridge need not reach: it fails before.
fn unreached() -> String {
    crate::support::peer::nobody_listens().to_string()
}

/// The bridge's arguments may fail before the network: no connection must have been made.
#[track_caller]
fn refuses_configuration(start: Start, words: &[&str]) -> Refusal {
    let refusal = refusal(start.arg(unreached()));
    refusal.assert("4.3.5", 78, &[&["stage=arguments"], words].concat());
    refusal
}
