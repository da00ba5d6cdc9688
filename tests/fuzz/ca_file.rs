//! Any file behind --ca-file, --cert and --key: trust or a sentence.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use smtps_bridge::error::Error;
use smtps_bridge::exit::Exit;
use smtps_bridge::options::{Anchors, Groups, Identity, ServerTrust, Trust, Versions};
use smtps_bridge::trust::Trusted;

pub fn run(data: &[u8]) {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    let file = FILE.get_or_init(|| std::env::temp_dir().join(format!("smtps-bridge-fuzz-{}", std::process::id())));
    fs::write(file, data).expect("a file to write");
    let identity = Identity { cert: file.clone(), key: file.clone() };
    for (anchors, identity) in [(Anchors::File(file.clone()), None), (Anchors::USUAL, Some(identity))] {
        let server = ServerTrust::Chain { anchors, pins: Vec::new() };
        let trust = Trust { server, identity, versions: Versions::Tls12AndLater, groups: Groups::PostQuantumFirst };
        match Trusted::new(&trust) {
            Ok(trusted) => assert!(trusted.anchors.bytes().all(|octet| (0x20..=0x7e).contains(&octet))),
            Err(error) => refused(&error),
        }
    }
    let _ = fs::remove_file(file);
}

fn refused(error: &Error) {
    let sentence = error.to_string();
    assert!(sentence.bytes().all(|octet| (0x20..=0x7e).contains(&octet)), "{sentence:?}");
    assert!(error.exit() == Exit::Config && error.status() == "4.3.5", "{sentence}");
}
