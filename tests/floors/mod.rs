//! The shape of src/: floors, who may name what, and the one exit. Design section 3, style 1, 2, 4 and 12.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Above every floor of lib.rs.
const MAIN: &str = "main";

/// A file under src/, without its comments.
struct Source {
    /// `tls/failure.rs`.
    path: String,
    /// The module of lib.rs that it belongs to: `tls`.
    module: String,
    code: String,
}

#[test]
fn a_file_uses_files_of_lower_floors_only() {
    let floors = floors();
    let mut wrong = Vec::new();
    for source in sources() {
        let Some(floor) = floors.get(&source.module) else { panic!("{} stands on no floor of lib.rs", source.path) };
        for used in used(&source.code) {
            let Some(below) = floors.get(&used) else { panic!("{} uses {used}, which is on no floor", source.path) };
            if used != source.module && below >= floor {
                wrong.push(format!("{} (floor {floor}) uses {used} (floor {below})", source.path));
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn lib_rs_is_the_list_of_modules_and_nothing_else() {
    let lib = read("src/lib.rs");
    let code = without_comments(&lib);
    let other: Vec<_> = code.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("pub mod ")).collect();
    assert!(other.is_empty(), "{other:?}");
}

#[test]
fn main_rs_has_fewer_than_120_lines() {
    assert!(read("src/main.rs").lines().count() < 120);
}

#[test]
fn only_tls_names_the_connection_of_rustls() {
    assert_eq!(modules_with(&["ClientConnection"]), ["tls"]);
}

/// Goal: a build on ring has no aws-lc in it, and only one file would have to change for another library.
#[test]
fn only_crypto_names_a_cryptographic_library() {
    assert_eq!(modules_with(&["aws_lc", "crypto::ring"]), ["crypto"]);
}

/// Goal: what one system has and another lacks stands behind a cfg in one file, with a fallback next to it: wait
/// (signalfd), confine (Landlock, prctl), socket (a flag of send(2)), ids (setresuid). packaging/release/targets compiles it all.
#[test]
fn only_four_modules_name_what_not_every_system_has() {
    let linux = ["signalfd", "SignalFd", "prctl", "landlock::", "RLIMIT_NPROC", "eventfd", "epoll", "pipe2", "accept4"];
    assert_eq!(modules_with(&linux), ["confine", "wait"]);
    let elsewhere = ["MSG_NOSIGNAL", "with_interval(", "nonblocking()", "unistd::{getres", "unistd::setgroups"];
    assert_eq!(modules_with(&elsewhere), ["ids", "socket"]);
}

#[test]
fn only_main_ends_the_process() {
    assert_eq!(modules_with(&["process::exit", "process::abort", "_exit(", "process::{"]), [MAIN]);
}

#[test]
fn nothing_prints() {
    assert_eq!(modules_with(&["println!", "print!", "dbg!", ".print("]), Vec::<String>::new());
}

/// The floor of each module, as the comments of lib.rs say it.
fn floors() -> BTreeMap<String, u32> {
    let mut floors = BTreeMap::from([(MAIN.to_owned(), u32::MAX)]);
    let mut floor = None;
    for line in read("src/lib.rs").lines() {
        if let Some(number) = line.strip_prefix("// floor ") {
            floor = Some(number.parse().expect("a floor's number"));
        } else if let Some(module) = line.strip_prefix("pub mod ") {
            let floor = floor.unwrap_or_else(|| panic!("`{line}` stands above the first floor"));
            floors.insert(module.trim_end_matches(';').to_owned(), floor);
        }
    }
    assert!(floors.len() > 10, "lib.rs was not understood: {floors:?}");
    floors
}

/// The modules behind `crate::` and, in main.rs, `smtps_bridge::`, one path or many in braces.
fn used(code: &str) -> Vec<String> {
    let name = |text: &str| -> String { text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect() };
    let mut used = Vec::new();
    for root in ["crate::", "smtps_bridge::"] {
        for (at, _) in code.match_indices(root) {
            let rest = &code[at + root.len()..];
            match rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
                Some((group, _)) => used.extend(group.split(',').map(|path| name(path.trim()))),
                None => used.push(name(rest)),
            }
        }
    }
    used.retain(|module| !module.is_empty());
    used
}

fn modules_with(needles: &[&str]) -> Vec<String> {
    let with = sources().into_iter().filter(|source| needles.iter().any(|needle| source.code.contains(needle)));
    let mut modules: Vec<String> = with.map(|source| source.module).collect();
    modules.sort();
    modules.dedup();
    modules
}

fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    let mut open = vec![String::new()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(&folder)).expect("src/") {
            let entry = entry.expect("an entry of src/");
            let path = format!("{folder}{}", entry.file_name().into_string().expect("a name in UTF-8"));
            if entry.file_type().expect("a type").is_dir() {
                open.push(format!("{path}/"));
            } else if path != "lib.rs" {
                let module = path.split(['/', '.']).next().unwrap_or_default().to_owned();
                sources.push(Source { module, code: without_comments(&read(&format!("src/{path}"))), path });
            }
        }
    }
    assert!(sources.len() > 10, "src/ was not found");
    sources
}

/// Whole-line comments only: what stands behind code does not name modules here.
fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| [line, "\n"]).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}
