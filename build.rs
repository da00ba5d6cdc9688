//! Warns when the environment that `.cargo/config.toml` sets is missing: such a build works, but every session
//! starts about 50 ms later (see there).

fn main() {
    for (name, wanted) in [("AWS_LC_SYS_NO_JITTER_ENTROPY", "1"), ("AWS_LC_SYS_USE_SYSTEM", "0")] {
        println!("cargo::rerun-if-env-changed={name}");
        if std::env::var(name).as_deref() != Ok(wanted) {
            println!("cargo::warning={name}={wanted} is not set: build inside the source tree, or set it by hand");
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
}
