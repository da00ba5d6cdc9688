//! Any certificate of a server that is not authenticated yet: the reader of dates, names and keys.

use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};

use smtps_bridge::x509::{self, Certificate, Name};

pub fn run(data: &[u8]) {
    let _ = x509::anchor_rsa_bits(data);
    Name::of_anchor(data).iter().for_each(name);
    let Some(cert) = Certificate::read(&CertificateDer::from(data)) else { return };
    let validity = cert.validity;
    for at in [Duration::ZERO, x509::now(), Duration::from_secs(u64::from(u32::MAX))] {
        let _ = (validity.valid_at(at), validity.ends_soon(at), validity.days_left(at));
    }
    shown(&x509::date(validity.not_after));
    shown(&x509::date(validity.not_before));
    name(&cert.subject);
    name(&cert.issuer);
    shown(&cert.key.words);
    shown(&cert.pin());
    cert.names.all.iter().for_each(|name| shown(name.text.whole()));
    for server in ["mail.example.com", "192.0.2.7", "2001:db8::1"] {
        let _ = cert.names.matching(&ServerName::try_from(server).expect("a server name"));
    }
}

fn name(name: &Name) {
    for text in [Some(&name.whole), Some(&name.short), name.common.as_ref()].into_iter().flatten() {
        shown(text.whole());
        assert!(text.to_string().len() <= 200, "{name:?}");
    }
}

fn shown(text: &str) {
    assert!(text.bytes().all(|octet| (0x20..=0x7e).contains(&octet)), "{text:?}");
}
