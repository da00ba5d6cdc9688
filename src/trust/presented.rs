//! What a server presented, accepted or refused, read once: the verifier, the sentences, the pin, the log and `--check`
//! all ask this.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::{CertificateDer, TrustAnchor};

use crate::x509::{anchor_rsa_bits, Certificate, Name, RSA_BITS};

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
    /// None if it cannot be read.
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

    pub fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::default();
    }
}

impl Chain {
    pub fn leaf(&self) -> Option<&Certificate> {
        self.links.first()?.cert.as_ref()
    }

    pub fn certs(&self) -> impl Iterator<Item = &Certificate> {
        self.links.iter().filter_map(|link| link.cert.as_ref())
    }

    /// Why it leads to none of our trust anchors: followed from the leaf up, in whatever order it was sent.
    pub fn end(&self, anchors: &[TrustAnchor]) -> End<'_> {
        let Some(mut cert) = self.leaf() else { return End::Unread };
        if cert.is_self_issued() {
            return End::Itself;
        }
        let weak = |bits: Option<usize>| bits.filter(|bits| !RSA_BITS.contains(bits));
        // Two certificates may name each other: as many steps as there are certificates are enough.
        for _ in &self.links {
            let name = &cert.issuer;
            if let Some(ours) = anchors.iter().find(|anchor| name.is(&anchor.subject)) {
                // webpki says of a key like that that its signature does not verify, and looks for another issuer.
                return match weak(anchor_rsa_bits(&ours.subject_public_key_info)) {
                    Some(bits) => End::WeakAnchor(name, bits),
                    None => End::Namesake(name),
                };
            }
            if cert.is_self_issued() {
                return End::Root(name);
            }
            let is_next = |link: &Link| link.cert.as_ref().is_some_and(|other| other.subject == *name);
            let Some(at) = self.links.iter().position(is_next) else { break };
            let Some(next) = self.links.get(at).and_then(|link| link.cert.as_ref()) else { break };
            if let Some(bits) = weak(next.key.rsa_bits) {
                return End::Weak(at, bits);
            }
            cert = next;
        }
        End::Missing(&cert.issuer)
    }
}

/// Where a chain ends that is not trusted.
pub enum End<'a> {
    /// The leaf is signed by itself.
    Itself,
    /// A root that was sent.
    Root(&'a Name),
    /// An issuer whose certificate was not sent.
    Missing(&'a Name),
    /// A trust anchor, by its name; its key is another.
    Namesake(&'a Name),
    /// A CA whose RSA key is too short or too long for any signature: a trust anchor, or one that was sent.
    WeakAnchor(&'a Name, usize),
    Weak(usize, usize),
    Unread,
}
