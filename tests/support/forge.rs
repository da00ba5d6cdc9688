//! A TLS server of rustls whose records a test may change before they are encrypted: what no library would send, under
//! the right keys.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider};
use rustls::crypto::cipher::{
    AeadKey, Iv, KeyBlockShape, MessageDecrypter, MessageEncrypter, OutboundOpaqueMessage, OutboundPlainMessage,
    Tls12AeadAlgorithm, Tls13AeadAlgorithm, UnsupportedOperationError,
};
use rustls::crypto::CryptoProvider;
use rustls::{
    ConnectionTrafficSecrets, ContentType, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion,
    Tls12CipherSuite, Tls13CipherSuite,
};

use super::ca::Leaf;
use super::peer::Link;

/// The messages of a flight, each with its header of 4 octets (RFC 8446 section 4), to what goes out instead.
pub type Change = fn(Vec<Vec<u8>>) -> Vec<Vec<u8>>;

/// Before the content type and the content of a record: application data that begins so is not what it seems.
const MARK: &[u8] = b"forged record ";

/// The content that stands for one octet more than a record may have (RFC 8446 section 5.1: 2^14).
const LARGE: &[u8] = b"larger than it may be";
static TOO_MUCH: [u8; 16_385] = [b'.'; 16_385];

/// One suite of each version; `change` sees what is encrypted of the handshake.
pub fn forging(leaf: &Leaf, versions: &[&'static SupportedProtocolVersion], change: Change) -> ServerConfig {
    let SupportedCipherSuite::Tls13(tls13) = cipher_suite::TLS13_AES_128_GCM_SHA256 else { panic!("not TLS 1.3") };
    let SupportedCipherSuite::Tls12(tls12) = cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 else {
        panic!("not TLS 1.2")
    };
    // rustls wants its suites to live for ever.
    let tls13 = Tls13CipherSuite {
        common: common(&tls13.common),
        hkdf_provider: tls13.hkdf_provider,
        aead_alg: Box::leak(Box::new(Forge { inner: tls13.aead_alg, change })),
        quic: None,
    };
    let tls12 = Tls12CipherSuite {
        common: common(&tls12.common),
        prf_provider: tls12.prf_provider,
        kx: tls12.kx,
        sign: tls12.sign,
        aead_alg: Box::leak(Box::new(Forge { inner: tls12.aead_alg, change })),
    };
    let suites = vec![
        SupportedCipherSuite::Tls13(Box::leak(Box::new(tls13))),
        SupportedCipherSuite::Tls12(Box::leak(Box::new(tls12))),
    ];
    ServerConfig::builder_with_provider(Arc::new(CryptoProvider { cipher_suites: suites, ..default_provider() }))
        .with_protocol_versions(versions)
        .expect("TLS versions that the provider knows")
        .with_no_client_auth()
        .with_single_cert(leaf.chain(), leaf.key())
        .expect("a certificate that fits its key")
}

pub fn unchanged(flight: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    flight
}

/// A record of any content type, under the keys of a connection that is `forging`.
pub fn record(link: &mut Link, kind: u8, content: &[u8]) -> Vec<u8> {
    link.records(&[MARK, &[kind], content].concat())
}

pub fn large_record(link: &mut Link, kind: u8) -> Vec<u8> {
    record(link, kind, LARGE)
}

fn common(suite: &rustls::crypto::CipherSuiteCommon) -> rustls::crypto::CipherSuiteCommon {
    rustls::crypto::CipherSuiteCommon {
        suite: suite.suite,
        hash_provider: suite.hash_provider,
        confidentiality_limit: suite.confidentiality_limit,
    }
}

struct Forge<A: ?Sized + 'static> {
    change: Change,
    inner: &'static A,
}

impl Tls13AeadAlgorithm for Forge<dyn Tls13AeadAlgorithm> {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(Forger { change: self.change, inner: self.inner.encrypter(key, iv) })
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        self.inner.decrypter(key, iv)
    }

    fn key_len(&self) -> usize {
        self.inner.key_len()
    }

    fn extract_keys(&self, key: AeadKey, iv: Iv) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        self.inner.extract_keys(key, iv)
    }
}

impl Tls12AeadAlgorithm for Forge<dyn Tls12AeadAlgorithm> {
    fn encrypter(&self, key: AeadKey, iv: &[u8], extra: &[u8]) -> Box<dyn MessageEncrypter> {
        Box::new(Forger { change: self.change, inner: self.inner.encrypter(key, iv, extra) })
    }

    fn decrypter(&self, key: AeadKey, iv: &[u8]) -> Box<dyn MessageDecrypter> {
        self.inner.decrypter(key, iv)
    }

    fn key_block_shape(&self) -> KeyBlockShape {
        self.inner.key_block_shape()
    }

    fn extract_keys(
        &self,
        key: AeadKey,
        iv: &[u8],
        explicit: &[u8],
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        self.inner.extract_keys(key, iv, explicit)
    }
}

struct Forger {
    change: Change,
    inner: Box<dyn MessageEncrypter>,
}

impl MessageEncrypter for Forger {
    fn encrypt(&mut self, plain: OutboundPlainMessage<'_>, seq: u64) -> Result<OutboundOpaqueMessage, rustls::Error> {
        let content = plain.payload.to_vec();
        let (typ, content) = match (plain.typ, content.strip_prefix(MARK)) {
            (ContentType::Handshake, _) => (plain.typ, (self.change)(messages(&content)).concat()),
            (_, Some([kind, content @ ..])) if content == LARGE => (ContentType::from(*kind), TOO_MUCH.to_vec()),
            (_, Some([kind, content @ ..])) => (ContentType::from(*kind), content.to_vec()),
            _ => (plain.typ, content),
        };
        self.inner.encrypt(OutboundPlainMessage { typ, payload: content.as_slice().into(), ..plain }, seq)
    }

    fn encrypted_payload_len(&self, payload_len: usize) -> usize {
        self.inner.encrypted_payload_len(payload_len)
    }
}

fn messages(mut flight: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let [_, a, b, c, ..] = flight {
        let (message, rest) = flight.split_at(4 + usize::from(*a) * 65_536 + usize::from(*b) * 256 + usize::from(*c));
        messages.push(message.to_vec());
        flight = rest;
    }
    messages
}
