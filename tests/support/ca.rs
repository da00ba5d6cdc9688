//! Throw-away certificate authorities, and certificates of every kind that a smarthost may present.

#![allow(dead_code, reason = "the tests, the demo and the benches each use their part of it")]

use std::sync::Arc;

use base64ct::{Base64, Encoding};
use rcgen::{
    date_time_ymd, BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SignatureAlgorithm, PKCS_RSA_SHA256,
};
use rustls::crypto::aws_lc_rs::{cipher_suite::TLS13_AES_128_GCM_SHA256, default_provider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

/// The names of a smarthost on this machine.
pub const LOCAL_NAMES: [&str; 2] = ["127.0.0.1", "localhost"];

/// A year, a month, a day.
pub type Date = (i32, u8, u8);

pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Ca {
    pub fn new() -> Ca {
        Ca::named("Throw-away CA")
    }

    pub fn named(name: &str) -> Ca {
        Ca::with_key(name, KeyPair::generate().expect("a key"))
    }

    pub fn with_key(name: &str, key: KeyPair) -> Ca {
        let params = ca_params(name);
        let pem = params.self_signed(&key).expect("a CA certificate").pem();
        Ca { issuer: Issuer::new(params, key), pem }
    }

    /// Anything else: `change` sees the parameters of a good root last.
    pub fn with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Ca {
        let (mut params, key) = (ca_params(name), KeyPair::generate().expect("a key"));
        change(&mut params);
        let pem = params.self_signed(&key).expect("a CA certificate").pem();
        Ca { issuer: Issuer::new(params, key), pem }
    }

    /// A CA below this one.
    pub fn sub(&self, name: &str) -> Ca {
        self.sub_with(name, |_| {})
    }

    pub fn sub_with(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Ca {
        let (mut params, key) = (ca_params(name), KeyPair::generate().expect("a key"));
        change(&mut params);
        let pem = params.signed_by(&key, &self.issuer).expect("a CA certificate").pem();
        Ca { issuer: Issuer::new(params, key), pem }
    }

    /// What goes into `--ca-file`.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    pub fn cert(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.pem.as_bytes()).expect("a certificate in PEM")
    }

    /// A good certificate for `LOCAL_NAMES`.
    pub fn leaf(&self) -> Leaf {
        self.leaf_for(&LOCAL_NAMES)
    }

    pub fn leaf_for(&self, names: &[&str]) -> Leaf {
        self.leaf_with(names, |_| {})
    }

    /// For `LOCAL_NAMES`; both days are in UTC and the last one begins with its midnight.
    pub fn leaf_valid(&self, not_before: Date, not_after: Date) -> Leaf {
        self.leaf_with(&LOCAL_NAMES, |params| {
            params.not_before = date_time_ymd(not_before.0, not_before.1, not_before.2);
            params.not_after = date_time_ymd(not_after.0, not_after.1, not_after.2);
        })
    }

    /// Expired on the given day.
    pub fn leaf_expired(&self, on: Date) -> Leaf {
        self.leaf_valid((2020, 1, 1), on)
    }

    pub fn leaf_not_yet_valid(&self, before: Date) -> Leaf {
        self.leaf_valid(before, (4000, 1, 1))
    }

    /// `n` names, none of them ours: `host-0.example.net` and so on.
    pub fn leaf_with_many_names(&self, n: usize) -> Leaf {
        let names: Vec<String> = (0..n).map(|i| format!("host-{i}.example.net")).collect();
        self.leaf_for(&names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// For `--cert` and `--key`.
    pub fn client(&self, name: &str) -> Leaf {
        self.leaf_with(&[], |params| {
            params.distinguished_name.push(DnType::CommonName, name);
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        })
    }

    /// A good certificate with a key of RSA, for the name of the provider too.
    pub fn leaf_rsa(&self) -> Leaf {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key");
        self.leaf_of(&key, &[&LOCAL_NAMES[..], &["smtp.example.com"]].concat(), |_| {})
    }

    /// Anything else: `change` sees the parameters of a good certificate last.
    pub fn leaf_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Leaf {
        self.leaf_of(&KeyPair::generate().expect("a key"), names, change)
    }

    /// A good certificate for `LOCAL_NAMES`, but for its key.
    pub fn cert_of(&self, key: &Forged) -> CertificateDer<'static> {
        let params = params(&LOCAL_NAMES, LOCAL_NAMES[0]);
        params.signed_by(key, &self.issuer).expect("a certificate").der().clone()
    }

    /// The same for a key of any kind.
    pub fn leaf_of(&self, key: &KeyPair, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Leaf {
        let mut params = params(names, names.first().unwrap_or(&"nobody"));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        change(&mut params);
        Leaf::new(params.signed_by(key, &self.issuer).expect("a certificate").pem(), key)
    }
}

/// The public half of a key that no one has.
pub struct Forged {
    /// As the certificate holds it: of RSA, in DER (RFC 8017 appendix A.1.1).
    pub octets: Vec<u8>,
}

impl PublicKeyData for Forged {
    fn der_bytes(&self) -> &[u8] {
        &self.octets
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

/// What `openssl req -x509` makes: self-signed and CA:TRUE, for `LOCAL_NAMES`. rustls-webpki refuses it as a leaf.
pub fn self_signed_ca_leaf() -> Leaf {
    self_signed(IsCa::Ca(BasicConstraints::Unconstrained))
}

/// Self-signed without CA:TRUE.
pub fn self_signed_leaf() -> Leaf {
    self_signed(IsCa::NoCa)
}

fn self_signed(is_ca: IsCa) -> Leaf {
    let key = KeyPair::generate().expect("a key");
    let mut params = params(&LOCAL_NAMES, "localhost");
    params.is_ca = is_ca;
    Leaf::new(params.self_signed(&key).expect("a certificate").pem(), &key)
}

/// Valid from 2020 to 2100, so that no warning about a near end shows up by itself.
fn ca_params(name: &str) -> CertificateParams {
    let mut params = params(&[], name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn params(names: &[&str], common_name: &str) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names of a certificate");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2100, 1, 1);
    params
}

/// A certificate with its key.
#[derive(Clone)]
pub struct Leaf {
    pub cert_pem: String,
    pub key_pem: String,
    /// SHA-256 of its public key: `sha256//BASE64`.
    pub pin: String,
}

impl Leaf {
    fn new(cert_pem: String, key: &KeyPair) -> Leaf {
        Leaf { cert_pem, key_pem: key.serialize_pem(), pin: pin(&key.subject_public_key_info()) }
    }

    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![CertificateDer::from_pem_slice(self.cert_pem.as_bytes()).expect("a certificate in PEM")]
    }

    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).expect("a key in PEM")
    }

    /// A TLS server that presents this certificate.
    pub fn server(&self, versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
        self.server_with(versions, None)
    }

    /// A TLS server that also demands a client certificate of `clients`.
    pub fn server_with(&self, versions: &[&'static SupportedProtocolVersion], clients: Option<&Ca>) -> ServerConfig {
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .expect("TLS versions that the provider knows");
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(ca) => {
                let mut roots = RootCertStore::empty();
                roots.add(CertificateDer::from_pem_slice(ca.pem.as_bytes()).expect("PEM")).expect("a trust anchor");
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(verifier.expect("a verifier of client certificates"))
            }
        };
        builder.with_single_cert(self.chain(), self.key()).expect("a certificate that fits its key")
    }
}

/// A server that presents any chain and signs with any key: rustls would not serve what does not fit, or what it cannot
/// read. None: a key that rustls cannot sign with.
pub fn presenting(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
) -> Option<ServerConfig> {
    #[derive(Debug)]
    struct Always(Arc<CertifiedKey>);

    impl ResolvesServerCert for Always {
        fn resolve(&self, _: ClientHello) -> Option<Arc<CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }

    let provider = default_provider();
    let key = provider.key_provider.load_private_key(key).ok()?;
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .expect("TLS versions that the provider knows")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Always(Arc::new(CertifiedKey::new(chain, key)))));
    Some(config)
}

/// The pin of a public key (SubjectPublicKeyInfo in DER), as curl and `--pin` take it.
pub fn pin(public_key: &[u8]) -> String {
    format!("sha256//{}", Base64::encode_string(&sha256(public_key)))
}

pub fn sha256(data: &[u8]) -> Vec<u8> {
    let suite = TLS13_AES_128_GCM_SHA256.tls13().expect("a suite of TLS 1.3");
    suite.common.hash_provider.hash(data).as_ref().to_vec()
}
