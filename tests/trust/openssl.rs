//! Servers that rustls cannot be: `openssl s_server` with short keys and old versions.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::CertificateDer;
use x509_cert::der::{Decode, Encode};

use crate::support::ca::{pin, Leaf};
use crate::support::dir::Dir;
use crate::support::limit::{skip, started};
use crate::support::namespace::sh;

pub struct Server {
    child: Child,
    addr: String,
}

impl Server {
    /// With cert.pem and key.pem of the directory. None, with a skip, if this openssl cannot do it.
    pub fn start(dir: &Dir, args: &[&str]) -> Option<Server> {
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-cert", "cert.pem", "-key", "key.pem"])
            .args(args)
            .current_dir(dir.path(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("openssl");
        started(child.id());
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let addr = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("ACCEPT ").map(str::to_owned));
        let Some(addr) = addr else {
            let said = child.wait_with_output().map(|o| String::from_utf8_lossy(&o.stderr).into_owned());
            skip(&format!("openssl s_server {args:?} does not start: {said:?}"));
            return None;
        };
        Some(Server { child, addr })
    }

    pub fn host(&self) -> &str {
        &self.addr
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `openssl req -x509` into cert.pem and key.pem of the directory.
pub fn self_signed(dir: &Dir, args: &[&str]) -> Leaf {
    sh(&format!(
        "cd {} && openssl req -x509 -nodes -keyout key.pem -out cert.pem -days 365 -subj /CN=127.0.0.1 {} 2>&1",
        dir.path("").display(),
        args.join(" ")
    ));
    let read = |name| std::fs::read_to_string(dir.path(name)).expect("a file of openssl");
    let cert_pem = read("cert.pem");
    let der = CertificateDer::from_pem_slice(cert_pem.as_bytes()).expect("PEM");
    let cert = x509_cert::Certificate::from_der(&der).expect("a certificate");
    let public_key = cert.tbs_certificate.subject_public_key_info.to_der().expect("a key");
    Leaf { cert_pem, key_pem: read("key.pem"), pin: pin(&public_key) }
}
