//! Trust anchors, pins, client identity, versions and groups to a `ClientConfig`: all files are read here, before the
//! network and before rights are dropped.

mod anchors;
mod asked;
mod files;
mod presented;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{
    verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key, CryptoProvider,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, NamedGroup, OtherError, RootCertStore, SignatureScheme,
};

use webpki::{EndEntityCert, KeyUsage};

use crate::crypto::library;
use crate::error::{Error, Given};
use crate::options::{Anchors, Groups, KeyHash, ServerTrust, Trust, Versions};
use crate::text::{escape, Foreign};
use crate::x509::{self, Certificate, Name};

use asked::Asked;

pub use anchors::{name as anchors_name, ROOTS};
pub use presented::{Chain, End, Link};

use presented::Presented;

/// Everything that a handshake needs and that does not depend on the host.
pub struct Trusted {
    pub config: Arc<ClientConfig>,
    /// The trust anchors in words.
    pub anchors: String,
    pub given: Given,
    /// Our own certificate, if there is one that can be read.
    pub identity: Option<Certificate>,
    presented: Presented,
    asked: Arc<Asked>,
    /// None: no chain is checked, the key is the whole trust.
    roots: Option<Arc<RootCertStore>>,
}

impl Trusted {
    /// # Errors
    /// `Error::Unusable`, naming the file, the problem and the cure.
    pub fn new(trust: &Trust) -> Result<Trusted, Error> {
        Trusted::with_groups(trust, trust.groups)
    }

    /// The same with other groups than those that were asked for.
    ///
    /// # Errors
    /// As `new`.
    pub fn with_groups(trust: &Trust, groups: Groups) -> Result<Trusted, Error> {
        let provider = Arc::new(provider(groups));
        let presented = Presented::default();
        let (check, anchors, roots) = match &trust.server {
            ServerTrust::KeyOnly { pins } => (Check::Key(pins.clone()), "--pin-only".to_owned(), None),
            ServerTrust::Chain { anchors, pins } => {
                let roots = Arc::new(anchors::store(anchors)?);
                let webpki = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone())
                    .build()
                    .map_err(|error| unusable("trust anchors", "", &error))?;
                (Check::Chain(webpki, pins.clone()), anchors::name(anchors), Some(roots))
            }
        };
        let verifier = Verifier { check, provider: provider.clone(), presented: presented.clone() };
        let versions: &[_] = match trust.versions {
            Versions::Tls12AndLater => &[&TLS13, &TLS12],
            Versions::Tls13Only => &[&TLS13],
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(|error| unusable("--min-tls", "", &error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let (mut config, identity) = match &trust.identity {
            None => (builder.with_no_client_auth(), None),
            Some(paths) => {
                let (chain, key) = files::identity(paths)?;
                let leaf = chain.first().and_then(Certificate::read);
                let config =
                    builder.with_client_auth_cert(chain, key).map_err(|error| files::mismatch(paths, &error))?;
                (config, leaf)
            }
        };
        // One process is one session: nothing to resume, and a ticket or early data would only add state to attack.
        config.resumption = Resumption::disabled();
        config.enable_early_data = false;
        let asked = Asked::around(config.client_auth_cert_resolver);
        config.client_auth_cert_resolver = asked.clone();
        let given = given(trust);
        Ok(Trusted { config: Arc::new(config), anchors, given, identity, presented, asked, roots })
    }

    /// What the server of the latest handshake presented, accepted or refused.
    pub fn presented(&self) -> Arc<Chain> {
        self.presented.chain()
    }

    /// The next server may fail before it presents anything or asks.
    pub fn forget(&self) {
        self.asked.forget();
        self.presented.forget();
    }

    /// Whether the server of the latest handshake asked for our certificate.
    pub fn was_asked(&self) -> bool {
        self.asked.was()
    }

    pub fn has_anchor(&self, name: &Name) -> bool {
        self.roots.as_ref().is_some_and(|roots| roots.roots.iter().any(|anchor| name.is(&anchor.subject)))
    }

    /// Why a chain leads to none of our trust anchors.
    pub fn end<'a>(&self, chain: &'a Chain) -> End<'a> {
        chain.end(self.roots.as_ref().map_or(&[], |roots| &roots.roots))
    }

    /// The trust anchor that a chain leads to, in words; None if it leads to none. It is verified once more, because rustls
    /// does not tell.
    pub fn anchor(&self, chain: &Chain) -> Option<Foreign> {
        let (leaf, others) = chain.links.split_first()?;
        let others: Vec<_> = others.iter().map(|link| link.der.clone()).collect();
        let roots = self.roots.as_ref()?;
        let leaf = EndEntityCert::try_from(&leaf.der).ok()?;
        let algorithms = self.config.crypto_provider().signature_verification_algorithms.all;
        let now = UnixTime::since_unix_epoch(x509::now());
        let path =
            leaf.verify_for_usage(algorithms, &roots.roots, &others, now, KeyUsage::server_auth(), None, None).ok()?;
        Name::of_anchor(&path.anchor().subject).map(|name| name.whole)
    }
}

/// What the verifier finds and rustls has no word of its own for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The presented key is not one of the pinned ones.
    PinMismatch,
    /// A certificate of the chain is signed in a way that webpki does not take. rustls has the same words for a handshake
    /// that is signed so, which is about another key.
    UnusableSignature,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Refusal {}

fn given(trust: &Trust) -> Given {
    let anchors = match &trust.server {
        ServerTrust::Chain { anchors, .. } => Some(anchors),
        ServerTrust::KeyOnly { .. } => None,
    };
    Given {
        ca_file: matches!(anchors, Some(Anchors::File(_))),
        system_roots: matches!(anchors, Some(Anchors::System)),
        pin_only: anchors.is_none(),
        cert: trust.identity.is_some(),
        min_tls: trust.versions == Versions::Tls13Only,
        no_pq: trust.groups == Groups::Classical,
    }
}

fn provider(groups: Groups) -> CryptoProvider {
    let mut provider = library::default_provider();
    if groups == Groups::Classical {
        provider.kx_groups.retain(|group| {
            !matches!(
                group.name(),
                NamedGroup::X25519MLKEM768
                    | NamedGroup::secp256r1MLKEM768
                    | NamedGroup::MLKEM512
                    | NamedGroup::MLKEM768
                    | NamedGroup::MLKEM1024
            )
        });
    }
    provider
}

fn unusable(role: &'static str, object: &str, problem: &dyn fmt::Display) -> Error {
    Error::Unusable { role, object: object.to_owned(), problem: escape(problem.to_string().as_bytes()).to_string() }
}

fn shown(path: &Path) -> String {
    escape(std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str())).to_string()
}

#[derive(Debug)]
struct Verifier {
    check: Check,
    provider: Arc<CryptoProvider>,
    presented: Presented,
}

#[derive(Debug)]
enum Check {
    /// Chain, name and dates; and one of the pinned keys, if there are any.
    Chain(Arc<WebPkiServerVerifier>, Vec<KeyHash>),
    Key(Vec<KeyHash>),
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain = self.presented.record(leaf, intermediates);
        let pins = match &self.check {
            Check::Key(pins) => pins,
            Check::Chain(webpki, pins) => {
                // An issuer of the right name and another key is not ours either.
                webpki.verify_server_cert(leaf, intermediates, server_name, ocsp, now).map_err(
                    |error| match error {
                        rustls::Error::InvalidCertificate(CertificateError::BadSignature) => {
                            CertificateError::UnknownIssuer.into()
                        }
                        rustls::Error::InvalidCertificate(
                            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
                            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
                        ) => CertificateError::Other(OtherError(Arc::new(Refusal::UnusableSignature))).into(),
                        other => other,
                    },
                )?;
                pins
            }
        };
        let chain_is_enough = matches!(self.check, Check::Chain(..)) && pins.is_empty();
        let key = chain.leaf().map(|leaf| KeyHash(leaf.key_hash));
        if chain_is_enough || key.is_some_and(|key| pins.contains(&key)) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::Other(OtherError(Arc::new(Refusal::PinMismatch))).into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        // webpki does not read a version 1 certificate; with --pin-only its key alone is what is trusted.
        let chain = self.presented.chain();
        if let (Check::Key(_), Some(Link { der, cert: Some(leaf) })) = (&self.check, chain.links.first()) {
            if leaf.is_version_one && der == cert {
                let key = SubjectPublicKeyInfoDer::from(leaf.key.der.as_slice());
                return verify_tls13_signature_with_raw_key(message, &key, dss, algorithms);
            }
        }
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
