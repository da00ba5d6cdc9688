//! Our certificate on request, and the memory that it was asked for: OpenSSL on TLS 1.2 answers a missing certificate
//! with a bare handshake_failure, which explains nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::SignatureScheme;

#[derive(Debug)]
pub struct Asked {
    certificate: Arc<dyn ResolvesClientCert>,
    asked: AtomicBool,
}

impl Asked {
    pub fn around(certificate: Arc<dyn ResolvesClientCert>) -> Arc<Asked> {
        Arc::new(Asked { certificate, asked: AtomicBool::new(false) })
    }

    pub fn forget(&self) {
        self.asked.store(false, Ordering::Relaxed);
    }

    pub fn was(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}

impl ResolvesClientCert for Asked {
    fn resolve(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.certificate.resolve(issuers, schemes)
    }

    fn has_certs(&self) -> bool {
        self.certificate.has_certs()
    }
}
