//! Any certificate of a server that nobody has authenticated yet: the readers of dates, names and keys.

use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};

use smtps_bridge::{trust, x509};

pub fn run(data: &[u8]) {
    let cert = CertificateDer::from(data);
    if let Some(validity) = x509::validity(&cert) {
        for at in [Duration::ZERO, x509::now(), Duration::from_secs(u64::from(u32::MAX))] {
            let _ = (validity.valid_at(at), validity.ends_soon(at), validity.days_left(at));
        }
        shown(&x509::date(validity.not_after));
        shown(&x509::date(validity.not_before));
    }
    let _ = (x509::public_key(&cert), x509::is_version_one(&cert), x509::rsa_bits(&cert), x509::old_signature(&cert));
    let _ = x509::anchor_rsa_bits(data);
    if let Some(name) = x509::anchor_name(data) {
        shown(&name);
    }
    trust::pin(&cert).iter().for_each(|pin| shown(pin));
    if let Some((subject, issuer)) = x509::names(&cert) {
        shown(&x509::most_specific(&subject, 60));
        shown(&x509::most_specific(&issuer, 60));
    }
    let Some(described) = x509::describe(&cert) else { return };
    let x509::Described { subject, issuer, key, names, .. } = &described;
    [subject, issuer, key].into_iter().chain(names).for_each(|text| shown(text));
    for server in ["mail.example.com", "192.0.2.7", "2001:db8::1"] {
        let server = ServerName::try_from(server).expect("a server name");
        x509::matches(&described, &server).iter().for_each(|name| shown(name));
    }
}

fn shown(text: &str) {
    assert!(text.len() < 100_000 && text.bytes().all(|octet| (0x20..=0x7e).contains(&octet)), "{text:?}");
}
