//! What a server presented, accepted or refused, read once: the verifier, the sentences, the pin, the log and `--check`
//! all ask this.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::{CertificateDer, TrustAnchor};

use crate::error::Issuer;
use crate::text::cut;
use crate::x509::{anchor_rsa_bits, Certificate, RSA_BITS};

/// More certificates than any chain needs; a server may send thousands.
const MOST: usize = 16;

/// Of the latest handshake.
#[derive(Clone, Debug, Default)]
pub struct Presented(Arc<Mutex<Arc<Chain>>>);

/// The leaf first, then the others as they were sent.
#[derive(Debug, Default)]
pub struct Chain {
    pub links: Vec<Link>,
    /// How many more were sent than are kept.
    pub more: usize,
}

#[derive(Debug)]
pub struct Link {
    pub der: CertificateDer<'static>,
    /// None where it cannot be read.
    pub cert: Option<Certificate>,
}

impl Presented {
    pub fn record(&self, leaf: &CertificateDer, others: &[CertificateDer]) -> Arc<Chain> {
        let link = |der: &CertificateDer| Link { der: der.clone().into_owned(), cert: Certificate::read(der) };
        let links = [leaf].into_iter().chain(others).take(MOST).map(link).collect();
        let chain = Arc::new(Chain { links, more: (others.len() + 1).saturating_sub(MOST) });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = chain.clone();
        chain
    }

    pub fn chain(&self) -> Arc<Chain> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn take(&self) -> Arc<Chain> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Chain {
    pub fn leaf(&self) -> Option<&Certificate> {
        self.links.first()?.cert.as_ref()
    }

    pub fn certs(&self) -> impl Iterator<Item = &Certificate> {
        self.links.iter().filter_map(|link| link.cert.as_ref())
    }

    /// Why it leads to none of our trust anchors: followed from the leaf up, in whatever order it was sent; the name in at
    /// most `cap` octets.
    pub fn issuer(&self, anchors: &[TrustAnchor], cap: usize) -> Option<Issuer> {
        let mut cert = self.leaf()?;
        if cert.is_self_issued() {
            return Some(Issuer::Itself);
        }
        // Two certificates may name each other: as many steps as there are certificates are enough.
        for _ in &self.links {
            let name = cut(&cert.issuer.short, cap);
            let weak = |bits: Option<usize>| bits.filter(|bits| !RSA_BITS.contains(bits));
            if let Some(ours) = anchors.iter().find(|anchor| cert.issuer.is(&anchor.subject)) {
                // webpki says of a key like that that its signature does not verify, and looks for another issuer.
                return Some(match weak(anchor_rsa_bits(&ours.subject_public_key_info)) {
                    Some(bits) => Issuer::Weak { name, bits },
                    None => Issuer::Namesake(name),
                });
            }
            if cert.is_self_issued() {
                return Some(Issuer::Sent(name));
            }
            let Some(next) = self.certs().find(|other| other.subject == cert.issuer) else { break };
            if let Some(bits) = weak(next.key.rsa_bits) {
                return Some(Issuer::Weak { name, bits });
            }
            cert = next;
        }
        Some(Issuer::Missing(cut(&cert.issuer.short, cap)))
    }
}
