//! Warns when the environment that `.cargo/config.toml` sets is missing: such a build works, but every session
//! starts about 50 ms later (see there).

use std::env;

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
}
