//! The cases of x509-limbo that a server can present to us, and the differences that are documented.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::CertificateDer;
use serde_json::Value;

/// limbo.json and webpki-exceptions.json lie here.
const WHERE: &str = "SMTPS_BRIDGE_LIMBO";
const BESIDE: &str = "../shared/x509-limbo";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accept,
    Refuse,
}

pub struct Case {
    pub id: String,
    pub expected: Verdict,
    /// What goes into `--ca-file`.
    pub anchors: String,
    pub cert_pem: String,
    pub key_pem: String,
    pub chain: Vec<CertificateDer<'static>>,
    /// A DNS name or an address, as `--server-name` takes it.
    pub name: String,
    /// As libfaketime takes it, in UTC; None: now.
    pub time: Option<String>,
}

/// A case in which webpki, or we, differ on purpose.
pub struct Difference {
    pub actual: Verdict,
    pub reason: String,
}

/// The directory with the data; None: not on this machine. If a directory is named, it must be there.
pub fn directory() -> Option<PathBuf> {
    let given = std::env::var_os(WHERE).map(PathBuf::from);
    let beside = || Some(Path::new(env!("CARGO_MANIFEST_DIR")).join(BESIDE)).filter(|folder| folder.is_dir());
    given.or_else(beside)
}

pub fn absent() -> String {
    format!("needs the cases of x509-limbo: limbo.json in {BESIDE}, or in a directory that {WHERE} names")
}

/// Those of a server with a name and a key, and how many there are of all kinds. A bound on the chain's depth is a
/// setting that we do not have.
pub fn read(directory: &Path) -> (Vec<Case>, usize) {
    let all = json(&directory.join("limbo.json"));
    let all = all["testcases"].as_array().expect("a list of cases");
    let live = |case: &&Value| case["validation_kind"] == "SERVER" && case["max_chain_depth"].is_null();
    (all.iter().filter(live).filter_map(case).collect(), all.len())
}

/// What webpki documents of itself, and what is ours to document.
pub fn differences(directory: &Path) -> BTreeMap<String, Difference> {
    let theirs = json(&directory.join("webpki-exceptions.json"));
    let theirs = theirs.as_object().expect("differences by case").iter().map(|(id, it)| {
        let reason = it["reason"].as_str().expect("a reason").to_owned();
        (id.clone(), Difference { actual: verdict(&it["actual"]), reason })
    });
    let ours = OURS
        .iter()
        .map(|(id, actual, reason)| ((*id).to_owned(), Difference { actual: *actual, reason: (*reason).to_owned() }));
    theirs.chain(ours).collect()
}

const NO_REVOCATION: &str = "revoked certificates are not recognised (README): no CRL is read";

const OURS: [(&str, Verdict, &str); 3] = [
    ("crl::revoked-certificate-with-crl", Verdict::Accept, NO_REVOCATION),
    ("crl::crlnumber-missing", Verdict::Accept, NO_REVOCATION),
    // https://github.com/rustls/webpki/pull/510; theirs is the list of 0.104.
    (
        "rfc5280::leaf-ku-keycertsign",
        Verdict::Accept,
        "webpki looks at the key usage of a leaf only from 0.104 on; a key that signs our handshake is this leaf's",
    ),
];

fn case(case: &Value) -> Option<Case> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let list = |value: &Value| value.as_array().into_iter().flatten().filter_map(text).collect::<Vec<_>>();
    let cert_pem = text(&case["peer_certificate"])?;
    let chain = std::iter::once(cert_pem.clone()).chain(list(&case["untrusted_intermediates"]));
    Some(Case {
        id: text(&case["id"])?,
        expected: verdict(&case["expected_result"]),
        anchors: list(&case["trusted_certs"]).join("\n"),
        chain: chain.map(|pem| CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM")).collect(),
        cert_pem,
        key_pem: text(&case["peer_certificate_key"])?,
        name: text(&case["expected_peer_name"]["value"])?,
        // 2024-03-01T00:00:00.999+00:00
        time: text(&case["validation_time"]).map(|time| time.replace('T', " ").replace("+00:00", "")),
    })
}

fn verdict(word: &Value) -> Verdict {
    match word.as_str() {
        Some("SUCCESS") => Verdict::Accept,
        Some("FAILURE") => Verdict::Refuse,
        other => panic!("no result of x509-limbo: {other:?}"),
    }
}

fn json(path: &Path) -> Value {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
