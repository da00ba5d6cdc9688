//! What packaging/README.md says of the release build.

use std::path::Path;
use std::process::Command;

use crate::support::bridge::PROGRAM;
use crate::support::limit::skip;
use crate::support::namespace::without_tool;

use super::read;

/// Goal: an administrator of an older system knows beforehand whether the program starts there; a new crate or compiler
/// that needs more is noticed here. It depends on the machine's libc, so the page names the one of the build.
#[test]
fn the_release_asks_for_the_glibc_that_is_written_down_and_no_newer() {
    let page = read("packaging/README.md");
    let words: Vec<&str> = page.split_whitespace().collect();
    // "built with glibc 2.36 needs glibc 2.35"
    let stated = words.windows(7).find_map(|window| match window {
        ["built", "with", "glibc", with, "needs", "glibc", needs] => Some((*with, version(needs))),
        _ => None,
    });
    let (with, needs) = stated.expect("a sentence on glibc");
    if without_tool("objdump") || without_tool("getconf") {
        return;
    }
    if output("getconf", &["GNU_LIBC_VERSION"]).trim() != format!("glibc {with}") {
        return skip("says what a build on Debian 12 needs");
    }
    let Some(program) = Path::new(PROGRAM).ancestors().nth(2).map(|target| target.join("release/smtps-bridge")) else {
        panic!("no folder of {PROGRAM}");
    };
    if !program.exists() {
        return skip("needs `cargo build --release`");
    }
    let symbols = output("objdump", &["-T", &program.display().to_string()]);
    let newest = symbols.split(['(', ')']).filter_map(|word| word.strip_prefix("GLIBC_")).map(version).max();
    assert_eq!(newest, Some(needs), "packaging/README.md says it otherwise:\n{symbols}");
}

fn version(text: &str) -> Vec<u32> {
    text.trim_matches(|c: char| !c.is_ascii_digit()).split('.').filter_map(|part| part.parse().ok()).collect()
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|e| panic!("{program}: {e}"));
    String::from_utf8(output.stdout).expect("text")
}
