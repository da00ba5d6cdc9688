//! What tests and benches need and no release has: a panic, an allocation failure or a stack overflow, forced at a stage;
//! one more trust anchor; and a look from inside at what the process can still do. Empty without the `test-hooks` feature.

/// Called as a stage is entered; SMTPS_BRIDGE_TEST_PANIC and SMTPS_BRIDGE_TEST_ABORT name it.
#[cfg(feature = "test-hooks")]
pub fn enter(stage: &str) {
    let is = |name: &str, value: &str| std::env::var(name).as_deref() == Ok(value);
    assert!(!is("SMTPS_BRIDGE_TEST_PANIC", stage), "forced by a test at {stage}\nsecond line");
    if stage == "greeting" && is("SMTPS_BRIDGE_TEST_ABORT", "alloc") {
        std::alloc::handle_alloc_error(std::alloc::Layout::new::<u64>());
    }
    if stage == "greeting" && is("SMTPS_BRIDGE_TEST_ABORT", "stack") {
        overflow(0);
    }
}

#[cfg(not(feature = "test-hooks"))]
pub fn enter(_stage: &str) {}

#[cfg(feature = "test-hooks")]
#[allow(unconditional_recursion, reason = "that is what it is for")]
fn overflow(depth: usize) -> usize {
    let frame = std::hint::black_box([depth; 512]);
    overflow(depth + 1) + frame.len()
}

/// A CA file whose certificates are trusted like the built-in roots, SMTPS_BRIDGE_TEST_ANCHOR: no public CA certifies a
/// smarthost on loopback, and the benchmark wants a session that verifies against the built-in roots.
#[cfg(feature = "test-hooks")]
pub fn anchor() -> Option<std::path::PathBuf> {
    std::env::var_os("SMTPS_BRIDGE_TEST_ANCHOR").map(std::path::PathBuf::from)
}

#[cfg(not(feature = "test-hooks"))]
pub fn anchor() -> Option<std::path::PathBuf> {
    None
}

/// Tries what the confinement forbids, and logs what came of it. SMTPS_BRIDGE_TEST_PROBE is a directory that everybody may
/// write to, with a file in it that everybody may write to; SMTPS_BRIDGE_TEST_PROBE_PID another process of the same user.
#[cfg(feature = "test-hooks")]
pub fn probe(step: &str) {
    use std::fs::{File, OpenOptions};
    use std::net::{TcpListener, TcpStream};
    use std::process::Command;

    use nix::errno::Errno;
    use nix::unistd::{setresuid, Pid, Uid};

    fn word<T>(result: std::io::Result<T>) -> String {
        match result {
            Ok(_) => "ok".to_owned(),
            Err(error) => {
                error.raw_os_error().map_or_else(|| error.to_string(), |n| format!("{:?}", Errno::from_raw(n)))
            }
        }
    }

    let Some(directory) = std::env::var_os("SMTPS_BRIDGE_TEST_PROBE").map(std::path::PathBuf::from) else { return };
    let pid: i32 = std::env::var("SMTPS_BRIDGE_TEST_PROBE_PID").ok().and_then(|pid| pid.parse().ok()).unwrap_or(1);
    log::info!(
        "probe step={step} read={} write={} create={} execute={} connect={} bind={} thread={} memory={} signal={} root={}",
        word(File::open("/etc/passwd")),
        word(OpenOptions::new().write(true).open(directory.join("file"))),
        word(File::create_new(directory.join(step))),
        word(Command::new("/bin/true").status()),
        word(TcpStream::connect("127.0.0.1:1")),
        word(TcpListener::bind("127.0.0.1:0")),
        word(std::thread::Builder::new().spawn(|| {}).map(std::thread::JoinHandle::join)),
        word(File::open(format!("/proc/{pid}/mem"))),
        word(nix::sys::signal::kill(Pid::from_raw(pid), None).map_err(std::io::Error::from)),
        word(setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).map_err(std::io::Error::from)),
    );
}

#[cfg(not(feature = "test-hooks"))]
pub fn probe(_step: &str) {}
