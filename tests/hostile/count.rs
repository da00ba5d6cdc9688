//! How many hostile cases a run went through, by group: tests/run makes a table of it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

#[derive(Clone, Copy)]
pub enum Group {
    TlsServers,
    Certificates,
    Limbo,
    LocalSide,
    FailingCalls,
    Limits,
    Soak,
}

/// To be called behind the last assertion of a case, or of `n` of them: only what went right counts.
pub fn cases(group: Group, n: usize) {
    // The digit orders the table.
    let file = match group {
        Group::TlsServers => "1 tls servers",
        Group::Certificates => "2 certificates",
        Group::Limbo => "3 limbo",
        Group::LocalSide => "4 local side",
        Group::FailingCalls => "5 failing calls",
        Group::Limits => "6 limits",
        Group::Soak => "7 soak",
    };
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/hostile");
    fs::create_dir_all(&dir).expect("a directory");
    let mut file = OpenOptions::new().create(true).append(true).open(dir.join(file)).expect("a file of counts");
    // One short write at the end of a file: tests that run at the same time do not mix their lines.
    file.write_all(format!("{n}\n").as_bytes()).expect("a count");
}
