//! `--help` and `--version`.

use std::io::Read;

use smtps_bridge::cli::FLAGS;
use smtps_bridge::trust::ROOTS;

use crate::support::bridge::Start;
use crate::support::limit::{within, USUAL};

/// The answer to a question, on descriptor 1.
fn answer(word: &str) -> String {
    let (bridge, _stdin, mut stdout) = Start::new().arg(word).pipes();
    let mut text = String::new();
    stdout.read_to_string(&mut text).unwrap();
    let ended = bridge.finish();
    assert_eq!((ended.code, ended.log.as_str()), (0, ""), "{word}");
    text
}

/// Goal: no one has to scroll to read it.
#[test]
fn the_help_fits_a_terminal_of_80_columns_and_40_lines() {
    within(USUAL, || {
        let help = answer("--help");
        assert_eq!(help, answer("-h"));
        // One line is left for the prompt.
        assert!(help.lines().count() < 40, "{} lines", help.lines().count());
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    });
}

/// Goal: one table feeds parser and help: none of its flags is missing, and none is printed that does not exist.
#[test]
fn the_help_has_every_flag_of_the_table_and_no_other() {
    within(USUAL, || {
        let help = answer("--help");
        let told = |name: &str| help.split([' ', ',', '\n', ';', ':']).any(|word| word == name);
        let known: Vec<&str> = FLAGS.iter().flat_map(|flag| flag.names).copied().collect();
        for name in &known {
            assert!(told(name), "{name} is missing in:\n{help}");
        }
        for line in help.lines().filter_map(|line| line.strip_prefix("  -")) {
            let name = format!("-{}", line.split([' ', ',']).next().unwrap_or_default());
            assert!(known.contains(&name.as_str()), "{name} is no flag");
        }
    });
}

/// Goal: an administrator who reads "unknown issuer" can tell how old the roots are, and whether this build is
/// post-quantum. Another line would be a warning: we build with fast starts.
#[test]
fn the_version_has_the_roots_with_their_date_and_the_cryptography() {
    within(USUAL, || {
        let version = answer("-V");
        assert_eq!(version, answer("--version"));
        let roots = match cfg!(feature = "system-roots") {
            true => "the system's roots".to_owned(),
            false => format!("Mozilla's roots of {}", ROOTS.1),
        };
        let library = match cfg!(feature = "ring") {
            true => "ring, without post-quantum key exchange",
            false => "aws-lc, with post-quantum X25519MLKEM768",
        };
        let first = format!("smtps-bridge {} ({roots})", env!("CARGO_PKG_VERSION"));
        assert_eq!(version, format!("{first}\ncryptography: {library}\n"));
        assert!(ROOTS.1.len() == 10 && ROOTS.1.starts_with("20"), "{}", ROOTS.1);
    });
}

/// Goal: the date belongs to the roots that are compiled in.
#[test]
fn the_date_belongs_to_the_roots_of_the_lock_file() {
    let lock = include_str!("../../Cargo.lock");
    let (_, behind) = lock.split_once("name = \"webpki-roots\"\nversion = \"1").expect("webpki-roots 1");
    let version = format!("1{}", behind.split('"').next().unwrap_or_default());
    assert_eq!(version, ROOTS.0, "new roots: change trust::ROOTS with them");
}

/// Goal: a terminal that goes away (`smtps-bridge --help | head -1`) is an exit code, no panic and no signal.
#[test]
fn a_help_that_nobody_reads_is_an_exit_code() {
    within(USUAL, || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let bridge = Start::new().arg("--help").on(std::process::Stdio::null(), writer, std::process::Stdio::piped());
        assert_eq!(bridge.finish().code, 74);
    });
}
