//! The files behind `--ca-file`, `--system-roots`, `--cert` and `--key`: each way in which one can be wrong has a
//! sentence that names the file and the cure.

use std::env;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use log::debug;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::geteuid;
use rustls::pki_types::pem::{self, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::RootCertStore;
use zeroize::Zeroizing;

use super::{shown, unusable};
use crate::error::{Error, Stage};
use crate::ids::{getresgid, getresuid};
use crate::options::Identity;
use crate::text::{errno_text, escape, in_words, Foreign};

/// Debian's file of all public roots has 0.2 MiB.
const LARGEST: u64 = 1024 * 1024;

pub fn ca_file(path: &Path) -> Result<RootCertStore, Error> {
    let wrong = |problem: &dyn std::fmt::Display| unusable("--ca-file", &shown(path), problem);
    let content = read("--ca-file", path)?;
    let mut store = RootCertStore::empty();
    for (number, section) in (1..).zip(sections(&content)) {
        let (label, der) =
            section.map_err(|problem| wrong(&format!("block {number} is damaged ({problem}): copy it again")))?;
        match label {
            Label::Certificate => store.add(CertificateDer::from(der.to_vec())).map_err(|error| {
                wrong(&format!(
                    "block {number} is no certificate that can be trusted ({}): remove it or copy it again",
                    in_words(&error.to_string())
                ))
            })?,
            Label::PrivateKey => {
                return Err(wrong(&format!(
                    "block {number} is a private key, and this file is for others to read: take it out"
                )))
            }
            Label::Other(name) => {
                return Err(wrong(&format!(
                    "block {number} is a {name:.40}, and only CERTIFICATE belongs here: take it out"
                )))
            }
        }
    }
    if store.is_empty() {
        return Err(wrong(&without_blocks(&content, "x509")));
    }
    Ok(store)
}

/// The system's roots. With privileges the environment (SSL_CERT_FILE, SSL_CERT_DIR) is ignored.
pub fn system_roots() -> Result<RootCertStore, Error> {
    let privileged = getresuid().is_ok_and(|ids| {
        ids.real.is_root() || ids.effective.is_root() || ids.saved.is_root() || ids.real != ids.effective
    }) || getresgid().is_ok_and(|ids| ids.real != ids.effective);
    let named = |name| env::var_os(name).filter(|value| !value.is_empty() && !privileged);
    let certs = match (named("SSL_CERT_FILE"), named("SSL_CERT_DIR")) {
        (None, None) => match SYSTEM_FILES.iter().map(Path::new).find(|path| path.is_file()) {
            // The same certificates stand in a directory beside it, one in a file: 300 files to read for each session.
            // The keychain of macOS has more than the file.
            Some(file) if privileged || !cfg!(target_vendor = "apple") => {
                rustls_native_certs::load_certs_from_paths(Some(file), None).certs
            }
            None if privileged => Vec::new(),
            _ => rustls_native_certs::load_native_certs().certs,
        },
        (file, directories) => named_roots(file, directories)?,
    };
    let mut store = RootCertStore::empty();
    let (_, _) = store.add_parsable_certificates(certs);
    if store.is_empty() {
        let problem = "this system has none; install its package ca-certificates, or leave --system-roots out";
        return Err(unusable("--system-roots", "", &problem));
    }
    Ok(store)
}

/// What the environment names, read as warily as any other file: rustls-native-certs opens a FIFO and waits, and reads
/// /dev/zero until the memory ends. As in OpenSSL, a directory may be missing, and may hold other things than roots: a file
/// in it that cannot be read is passed over.
fn named_roots(file: Option<OsString>, directories: Option<OsString>) -> Result<Vec<CertificateDer<'static>>, Error> {
    let mut contents = Vec::new();
    let mut passed = None;
    if let Some(file) = file {
        contents.push(read("SSL_CERT_FILE", Path::new(&file))?);
    }
    for directory in directories.iter().flat_map(env::split_paths) {
        for entry in directory.read_dir().into_iter().flatten().flatten().filter(|entry| entry.path().is_file()) {
            match read("SSL_CERT_DIR", &entry.path()) {
                Ok(content) => contents.push(content),
                Err(error @ Error::OutOf { .. }) => return Err(error),
                Err(error) => {
                    debug!("passed over {error}");
                    passed = Some(error);
                }
            }
        }
    }
    let mut certs = Vec::new();
    for section in contents.iter().flat_map(|content| sections(content)) {
        if let Ok((Label::Certificate, der)) = section {
            certs.push(CertificateDer::from(der.to_vec()));
        }
    }
    if !certs.is_empty() {
        return Ok(certs);
    }
    Err(passed.unwrap_or_else(|| {
        unusable(
            "--system-roots",
            "",
            &"SSL_CERT_FILE and SSL_CERT_DIR lead to no certificate: correct them, or unset them for the system's roots",
        )
    }))
}

/// Where Debian, Red Hat, SUSE, Alpine, the BSDs and macOS keep their roots.
const SYSTEM_FILES: [&str; 7] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
];

pub fn identity(paths: &Identity) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Error> {
    let wrong = |problem: &dyn std::fmt::Display| unusable("--cert", &shown(&paths.cert), problem);
    let content = read("--cert", &paths.cert)?;
    let mut chain = Vec::new();
    for (number, section) in (1..).zip(sections(&content)) {
        // Many people keep certificate and key in one file: the key is read if --key names the file.
        if let (Label::Certificate, der) =
            section.map_err(|problem| wrong(&format!("block {number} is damaged ({problem})")))?
        {
            chain.push(CertificateDer::from(der.to_vec()));
        }
    }
    if chain.is_empty() {
        return Err(wrong(&without_blocks(&content, "x509")));
    }
    let wrong = |problem: &dyn std::fmt::Display| unusable("--key", &shown(&paths.key), problem);
    let content = read("--key", &paths.key)?;
    for (number, section) in (1..).zip(sections(&content)) {
        match section.map_err(|problem| wrong(&format!("block {number} is damaged ({problem})")))? {
            (Label::PrivateKey, der) => {
                let key = PrivateKeyDer::try_from(der.to_vec());
                return Ok((chain, key.map_err(|error| wrong(&error))?));
            }
            (Label::Other(name), _) if name == escape(ENCRYPTED_KEY) => {
                return Err(wrong(
                    &"the key is encrypted, and nobody is there to type: `openssl pkey -in OLD -out NEW`",
                ))
            }
            _ => {}
        }
    }
    Err(wrong(&without_blocks(&content, "pkey")))
}

pub fn mismatch(paths: &Identity, error: &rustls::Error) -> Error {
    let problem = match error {
        rustls::Error::InconsistentKeys(_) => "is not the key of the certificate in --cert".to_owned(),
        other => format!("cannot be used: {}", in_words(&other.to_string())),
    };
    unusable("--key", &shown(&paths.key), &problem)
}

/// Opened without waiting (a FIFO would hang us) and read only if it is a file of sensible size.
fn read(role: &'static str, path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let wrong = |problem: &str| unusable(role, &shown(path), &problem);
    let denied = |error: io::Error| match (error.kind(), error.raw_os_error().map(Errno::from_raw)) {
        (_, Some(Errno::EMFILE | Errno::ENFILE)) => Error::OutOf { stage: Stage::Arguments, source: error },
        (ErrorKind::NotFound, _) => wrong("no such file"),
        (ErrorKind::PermissionDenied, _) => {
            let cure = match role {
                _ if geteuid().is_root() => "does a container or the service's list of capabilities forbid it?",
                // Many programs run as `nobody`.
                "--key" => "start as root, which reads it and drops to nobody, or as a user of your own that owns it",
                "--cert" | "--ca-file" => "let it read the file, or start as root, which reads it and drops to nobody",
                _ => "let it read the file",
            };
            wrong(&format!("permission denied to uid {}: {cure}", geteuid()))
        }
        _ => wrong(&errno_text(&error)),
    };
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path).map_err(denied)?;
    let about = file.metadata().map_err(denied)?;
    if about.is_dir() {
        return Err(wrong("is a directory: name one file"));
    }
    if !about.is_file() {
        return Err(wrong("is not a regular file: copy what it gives into one"));
    }
    let mut content = Zeroizing::new(Vec::with_capacity(usize::try_from(about.len().min(LARGEST)).unwrap_or(0) + 1));
    file.take(LARGEST + 1).read_to_end(&mut content).map_err(denied)?;
    if content.len() as u64 > LARGEST {
        return Err(wrong("is larger than 1 MiB: all public roots together have 0.2 MiB, so is it the right file?"));
    }
    Ok(content)
}

enum Label {
    Certificate,
    PrivateKey,
    Other(Foreign),
}

/// Every `-----BEGIN` block of a PEM file in order, those that the PEM reader would pass over in silence too.
fn sections(content: &[u8]) -> impl Iterator<Item = Result<(Label, Zeroizing<Vec<u8>>), &'static str>> + '_ {
    let mut starts = Vec::new();
    let mut at = 0;
    for line in content.split_inclusive(ends_line) {
        let seen = line.iter().position(|octet| !NOT_SEEN.contains(octet)).unwrap_or(line.len());
        if line.get(seen..).is_some_and(|rest| rest.starts_with(BEGIN)) {
            starts.push(at);
        } else if line.starts_with(END) {
            // What cat makes of two files, the first of which has no line end at its end.
            starts.extend(line.windows(BEGIN.len()).position(|window| window == BEGIN).map(|behind| at + behind));
        }
        at += line.len();
    }
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([content.len()]).collect();
    starts.into_iter().zip(ends).map(|(start, end)| section(content.get(start..end).unwrap_or_default()))
}

/// Of Unix, DOS (an empty line each) and old Macs.
fn ends_line(octet: &u8) -> bool {
    matches!(octet, b'\n' | b'\r')
}

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";

/// What an editor may put before a line, unseen: blanks, and the byte order mark of UTF-8.
const NOT_SEEN: &[u8] = b" \t\xef\xbb\xbf";

const ENCRYPTED_KEY: &[u8] = b"ENCRYPTED PRIVATE KEY";
const ENCRYPTED: &[u8] = b"Proc-Type: 4,ENCRYPTED";

fn section(mut block: &[u8]) -> Result<(Label, Zeroizing<Vec<u8>>), &'static str> {
    if !block.starts_with(BEGIN) {
        return Err("a blank or a byte order mark stands before -----BEGIN");
    }
    let label = block.get(11..).unwrap_or_default().split(|b| *b == b'-').next().unwrap_or_default();
    // The old form of `openssl rsa -aes256` has its marks in headers, and this one is the first (RFC 1421 section 4.6.1.1).
    let mut lines = block.split(ends_line).filter(|line| !line.is_empty());
    if lines.nth(1).is_some_and(|line| line.starts_with(ENCRYPTED)) {
        return Ok((Label::Other(escape(ENCRYPTED_KEY)), Zeroizing::new(Vec::new())));
    }
    let name = escape(label);
    match pem::from_buf(&mut block) {
        Ok(Some((SectionKind::Certificate, der))) => Ok((Label::Certificate, Zeroizing::new(der))),
        Ok(Some((SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey, der))) => {
            Ok((Label::PrivateKey, Zeroizing::new(der)))
        }
        Ok(_) => Ok((Label::Other(name), Zeroizing::new(Vec::new()))),
        Err(pem::Error::MissingSectionEnd { .. }) => Err("its -----END line is missing or another one's"),
        Err(pem::Error::Base64Decode(_)) => Err("it is not base64"),
        Err(_) => Err("its -----BEGIN line is broken"),
    }
}

/// A file without a single PEM block: empty, DER, or something else.
fn without_blocks(content: &[u8], tool: &str) -> String {
    match content {
        [] => "is empty".to_owned(),
        // A DER SEQUENCE with a length of two octets: what certificates and keys begin with.
        [0x30, 0x81..=0x84, ..] => format!("is DER: make PEM of it, `openssl {tool} -inform der -in OLD -out NEW`"),
        _ => "has no PEM block of the kind that belongs here (-----BEGIN ...)".to_owned(),
    }
}
