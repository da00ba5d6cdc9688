//! A test in a network and a mount namespace of its own: its addresses, routes, resolver and files are nobody else's.
//! The test binary starts itself again behind unshare(1), for that one test.

use std::any::type_name;
use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::limit::{skip, within, without_root, USUAL};

/// Names the one test that runs inside.
const INSIDE: &str = "SMTPS_BRIDGE_TEST_INSIDE";

/// Runs `body` inside, where `lo` is up and nothing else is. Needs root. Call it as the first thing of a test.
pub fn inside<F: FnOnce() + Send + 'static>(body: F) {
    inside_for(USUAL, body);
}

/// As `inside`, for a test that takes longer.
pub fn inside_for<F: FnOnce() + Send + 'static>(limit: Duration, body: F) {
    // `main::reach::lookup::name_of_the_test::{{closure}}`
    let path = type_name::<F>();
    let name = path.split_once("::").map_or(path, |(_, rest)| rest).split("::{{closure}}").next().unwrap_or_default();
    if env::var(INSIDE).as_deref() == Ok(name) {
        sh("ip link set lo up");
        return within(limit, body);
    }
    if without_root() || without_tool("unshare") || without_tool("ip") {
        return;
    }
    let name = name.to_owned();
    within(limit + Duration::from_secs(10), move || {
        let result = Command::new("unshare")
            .args(["--net", "--mount", "--"])
            .arg(env::current_exe().expect("the test binary"))
            .args(["--exact", &name, "--nocapture", "--test-threads=1"])
            .env(INSIDE, &name)
            .output()
            .expect("unshare(1)");
        let said = String::from_utf8_lossy(&result.stdout).into_owned() + &String::from_utf8_lossy(&result.stderr);
        assert!(result.status.success() && said.contains("1 passed"), "inside its namespaces:\n{said}");
        for skipped in said.lines().filter(|line| line.starts_with("SKIPPED")) {
            let _ = writeln!(io::stderr(), "{skipped}");
        }
    });
}

/// True, with a skip, when a program that the test needs is not installed.
#[must_use]
pub fn without_tool(name: &str) -> bool {
    let found = env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|dir| dir.join(name).is_file()))
        || Path::new("/usr/sbin").join(name).is_file();
    if !found {
        skip(&format!("needs {name}"));
    }
    !found
}

/// Runs lines of shell that must all succeed.
#[track_caller]
pub fn sh(script: &str) {
    let result = Command::new("/bin/sh").args(["-ec", script]).output().expect("/bin/sh");
    let said = String::from_utf8_lossy(&result.stderr);
    assert!(result.status.success(), "{script}: {said}");
}

/// Puts `file` in place of a file of the system, for this namespace only.
#[track_caller]
pub fn replace(system: &str, file: &Path) {
    sh(&format!("mount --bind {} {system}", file.display()));
}
