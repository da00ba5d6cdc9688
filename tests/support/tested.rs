//! Which real peers a run was tried against: one row each, of which tests/run makes the table in tests/README.md.

use std::fs;
use std::path::Path;

#[derive(Clone, Copy)]
#[allow(dead_code, reason = "the rows of mail programs and smarthosts are on their way")]
pub enum Role {
    Superserver,
    MailProgram,
    Smarthost,
    Monitor,
}

/// To be called at the end of a test that showed what `result` says. `key` orders the rows and is one per row;
/// `version` is what the peer says of itself, `result` does not depend on the machine.
pub fn tested(role: Role, key: &str, program: &str, version: &str, result: &str) {
    let (order, role) = match role {
        Role::Superserver => (1, "superserver"),
        Role::MailProgram => (2, "mail program"),
        Role::Smarthost => (3, "smarthost"),
        Role::Monitor => (4, "monitor"),
    };
    for cell in [program, version, result] {
        assert!(!cell.is_empty() && !cell.contains(['|', '\n']), "no cell of a table: {cell:?}");
    }
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tested");
    fs::create_dir_all(&dir).expect("a directory");
    let row = format!("| {role} | {program} | {version} | {result} |\n");
    fs::write(dir.join(format!("{order}-{key}")), row).expect("a row");
}
