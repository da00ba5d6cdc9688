//! A test in a process of its own, and in a network and a mount namespace of its own: no one else has its addresses,
//! routes, resolver and files. The test binary starts itself again (behind unshare(1)), for that one test.

use std::any::type_name;
use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::limit::{skip, within, without_root, USUAL};

/// Names the one test that runs inside.
const INSIDE: &str = "SMTPS_BRIDGE_TEST_INSIDE";

/// Runs `body` inside, with `lo` up and no other link. Needs root. Call it as the first thing of a test.
pub fn inside<F: FnOnce() + Send + 'static>(body: F) {
    inside_for(USUAL, body);
}

/// As `inside`, for a test that takes longer.
pub fn inside_for<F: FnOnce() + Send + 'static>(limit: Duration, body: F) {
    let name = name_of::<F>();
    if is_inside(&name) {
        sh("ip link set lo up");
        return within(limit, body);
    }
    if without_root() || without_tool("unshare") || without_tool("ip") {
        return;
    }
    let mut unshare = Command::new("unshare");
    unshare.args(["--net", "--mount", "--"]).arg(env::current_exe().expect("the test binary"));
    again(limit, name, unshare);
}

/// Runs `body` in a process of its own, with descriptors and an environment of its own.
pub fn alone<F: FnOnce() + Send + 'static>(limit: Duration, variables: &[(&str, &str)], body: F) {
    let name = name_of::<F>();
    if is_inside(&name) {
        return within(limit, body);
    }
    let mut process = Command::new(env::current_exe().expect("the test binary"));
    process.envs(variables.iter().copied());
    again(limit, name, process);
}

/// `main::reach::lookup::name_of_the_test::{{closure}}`, without its ends.
fn name_of<F>() -> String {
    let path = type_name::<F>();
    let name = path.split_once("::").map_or(path, |(_, rest)| rest).split("::{{closure}}").next();
    name.unwrap_or_default().to_owned()
}

fn is_inside(name: &str) -> bool {
    env::var(INSIDE).as_deref() == Ok(name)
}

/// This test, and no other, once more.
fn again(limit: Duration, name: String, mut process: Command) {
    within(limit + Duration::from_secs(10), move || {
        let result = process
            .args(["--exact", &name, "--nocapture", "--test-threads=1"])
            .env(INSIDE, &name)
            .output()
            .expect("the test binary, again");
        let said = String::from_utf8_lossy(&result.stdout).into_owned() + &String::from_utf8_lossy(&result.stderr);
        assert!(result.status.success() && said.contains("1 passed"), "in a process of its own:\n{said}");
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
