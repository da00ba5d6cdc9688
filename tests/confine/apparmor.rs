//! The profile under packaging/apparmor.

use std::fs;
use std::path::Path;
use std::process::Command;

use smtps_bridge::setup::kinds;

use crate::setup;
use crate::support::limit::{within, USUAL};
use crate::support::namespace::without_tool;

const PROFILE: &str = "packaging/apparmor/usr.bin.smtps-bridge";

/// What AppArmor 3.0 knows, so that it does not matter what the kernel of this machine does.
const FEATURES: &str = "/etc/apparmor.d/abi/3.0";

/// Goal: AppArmor's own compiler takes the profile, and has nothing to warn about. Nothing is loaded into the kernel.
#[test]
fn apparmor_parser_takes_the_profile_without_a_warning() {
    if without_tool("apparmor_parser") {
        return;
    }
    within(USUAL, || {
        let mut parser = Command::new("apparmor_parser");
        parser.env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin").current_dir(env!("CARGO_MANIFEST_DIR"));
        let output = parser
            .args(["-Q", "-K", "--kernel-features", FEATURES, "--warn=all", "--Werror", PROFILE])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    });
}

/// Goal: the profile is that of the program where the README installs it, and --print-config finds what it looks for.
#[test]
fn the_profile_is_that_of_the_installed_program() {
    let profile = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PROFILE)).unwrap();
    assert!(profile.contains(&format!("\nprofile smtps-bridge {} {{\n", setup::PROGRAM)), "{profile}");
    let elsewhere = ["/bin/freebsd-version", "/System/Library/LaunchDaemons"];
    for sign in kinds().flat_map(|kind| kind.signs).filter(|sign| !elsewhere.contains(sign)) {
        let program = ["/usr/bin/", "/usr/sbin/", "/usr/local/sbin/"].iter().any(|folder| sign.starts_with(folder));
        let rule = if program { "/usr/{,local/}{bin,sbin}/*" } else { sign };
        let found = [format!("  {rule} r,"), format!("  {rule}/ r,")];
        assert!(profile.lines().any(|line| found.contains(&line.to_owned())), "{sign}");
    }
}
