//! The handshake signature: a certificate is public, only the key proves who is there.

use crate::support::ca::Ca;
use crate::support::dir::Dir;
use crate::support::limit::{within, USUAL};
use crate::support::peer::{TLS_1_2, TLS_1_3};
use crate::trust::{presenting, refuses_certificate, trusting};

/// Goal: a server that has the smarthost's certificate but not its key is refused, whatever trust is configured.
#[test]
fn promise_3_a_copied_certificate_without_its_key_is_refused() {
    within(USUAL, || {
        let (dir, ca) = (Dir::new(), Ca::new());
        let (leaf, thief) = (ca.leaf(), ca.leaf());
        for version in [TLS_1_2, TLS_1_3] {
            for start in [
                trusting(&ca, &dir),
                trusting(&ca, &dir).arg("--pin").arg(&leaf.pin),
                crate::support::bridge::Start::new().arg("--pin-only").arg(&leaf.pin),
            ] {
                refuses_certificate(
                    start,
                    presenting(&leaf, &thief, version),
                    &["does not prove that it has its certificate's key", "in between"],
                );
            }
        }
    });
}
