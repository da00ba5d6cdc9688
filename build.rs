//! Warns when the environment that `.cargo/config.toml` sets is missing: such a build works, but every session
//! starts about 50 ms later (see there). Links the unwinder of the compiler into the program where it is found.

use std::env;
use std::path::Path;
use std::process::Command;

const NO_JITTER: &str = "AWS_LC_SYS_NO_JITTER_ENTROPY";

fn main() {
    let aws_lc = env::var_os("CARGO_FEATURE_AWS_LC_RS").is_some();
    for (name, wanted, without) in [
        (NO_JITTER, "1", "every session will start 50 ms late"),
        ("AWS_LC_SYS_USE_SYSTEM", "0", "an aws-lc of this machine may be linked"),
    ] {
        println!("cargo::rerun-if-env-changed={name}");
        if aws_lc && env::var(name).as_deref() != Ok(wanted) {
            println!("cargo::warning={name}={wanted} is not set: {without}; set it, or build inside the source tree");
            // A warning scrolls away: `--version` and `--check` keep it.
            if name == NO_JITTER {
                println!("cargo::rustc-env=SMTPS_BRIDGE_SLOW_START=1");
            }
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
    link_the_unwinder();
}

/// std asks for libgcc_s.so, of which a program that aborts on panic needs nothing but loads and relocates it at every
/// start: a tenth of a millisecond, 8 system calls and 8 pages. The same functions are in an archive beside the
/// compiler. Where it is not found, libgcc_s.so it is.
fn link_the_unwinder() {
    let is = |name: &str, value: &str| env::var(name).as_deref() == Ok(value);
    let native = env::var("HOST") == env::var("TARGET");
    // Another linker, as for an older libc, knows its own.
    let usual = env::var_os("RUSTC_LINKER").is_none();
    if !(native && usual && is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu")) {
        return;
    }
    let Ok(said) = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output() else { return };
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    // A compiler that has none says the name alone.
    if let Some(directory) = Path::new(said.trim()).parent().filter(|it| it.is_absolute()) {
        println!("cargo::rustc-link-search=native={}", directory.display());
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
    }
}
