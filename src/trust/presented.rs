//! What a server presented, accepted or refused: for the sentence that refuses it, its pin, and `--check`.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::{CertificateDer, TrustAnchor};

use crate::error::Issuer;
use crate::x509;

/// More certificates than any chain needs; a server may send thousands.
const MOST: usize = 16;

/// Of the latest handshake: the leaf first, then the others as they were sent.
#[derive(Clone, Debug, Default)]
pub struct Presented(Arc<Mutex<Chain>>);

#[derive(Clone, Debug, Default)]
pub struct Chain {
    pub certs: Vec<CertificateDer<'static>>,
    /// How many more were sent than are kept.
    pub more: usize,
}

impl Presented {
    pub fn record(&self, leaf: &CertificateDer, others: &[CertificateDer]) {
        let kept = [leaf].into_iter().chain(others).take(MOST).map(|cert| cert.clone().into_owned()).collect();
        let more = (others.len() + 1).saturating_sub(MOST);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Chain { certs: kept, more };
    }

    pub fn chain(&self) -> Chain {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn take(&self) -> Chain {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Chain {
    /// Why it leads to none of our trust anchors: followed from the leaf up, in whatever order it was sent; the name in at
    /// most `cap` octets.
    pub fn issuer(&self, anchors: &[TrustAnchor], cap: usize) -> Option<Issuer> {
        let sent: Vec<_> =
            self.certs.iter().filter_map(|cert| Some((x509::names(cert)?, x509::rsa_bits(cert)))).collect();
        let (mut subject, mut issuer) = self.certs.first().and_then(x509::names)?;
        // Two certificates may name each other: as many steps as there are certificates are enough.
        for step in 0..sent.len() {
            let name = || x509::most_specific(&issuer, cap);
            if subject == issuer && step == 0 {
                return Some(Issuer::Itself);
            }
            let ours = anchors.iter().find(|anchor| x509::anchor_subject(&anchor.subject).as_ref() == Some(&issuer));
            if let Some(anchor) = ours {
                let bits = x509::anchor_rsa_bits(&anchor.subject_public_key_info);
                return Some(weak(bits, name()).unwrap_or_else(|| Issuer::Namesake(name())));
            }
            if subject == issuer {
                return Some(Issuer::Sent(name()));
            }
            let Some((next, bits)) = sent.iter().find(|((subject, _), _)| *subject == issuer) else { break };
            if let Some(weak) = weak(*bits, name()) {
                return Some(weak);
            }
            (subject, issuer) = next.clone();
        }
        Some(Issuer::Missing(x509::most_specific(&issuer, cap)))
    }
}

/// webpki says of such a key that its signature does not verify, and goes on to look for another issuer.
fn weak(bits: Option<usize>, name: String) -> Option<Issuer> {
    bits.filter(|bits| !x509::RSA_BITS.contains(bits)).map(|bits| Issuer::Weak { name, bits })
}
