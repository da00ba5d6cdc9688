//! What a server presented, accepted or refused: for the sentence that refuses it, its pin, and `--check`.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::CertificateDer;

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
    /// Where it comes to its end, from the leaf up, in whatever order it was sent; the name in at most `cap` octets.
    pub fn issuer(&self, cap: usize) -> Option<Issuer> {
        let sent: Vec<_> = self.certs.iter().filter_map(x509::names).collect();
        let (mut subject, mut issuer) = self.certs.first().and_then(x509::names)?;
        // Two certificates may name each other: as many steps as there are certificates are enough.
        for step in 0..sent.len() {
            if subject == issuer {
                let itself = step == 0;
                return Some(if itself { Issuer::Itself } else { Issuer::Sent(x509::most_specific(&issuer, cap)) });
            }
            match sent.iter().find(|(subject, _)| *subject == issuer) {
                Some(next) => (subject, issuer) = next.clone(),
                None => break,
            }
        }
        Some(Issuer::Missing(x509::most_specific(&issuer, cap)))
    }
}
