//! Every test under a wall-clock limit; every wait with an end and a reason; skips that are seen.

use std::cell::RefCell;
use std::fs;
use std::io::{self, Write};
use std::panic;
use std::sync::{mpsc, Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;

/// For one test; most take well under a second.
pub const USUAL: Duration = Duration::from_secs(30);

type Processes = Arc<Mutex<Vec<u32>>>;

thread_local! {
    /// The processes that the test of this thread started.
    static STARTED: RefCell<Processes> = RefCell::default();
}

/// Runs a test's body; when it is not done in time, says what its processes were doing, ends them, and fails.
pub fn within(limit: Duration, body: impl FnOnce() + Send + 'static) {
    let processes = Processes::default();
    let theirs = Arc::clone(&processes);
    let (done, wait) = mpsc::channel();
    let name = thread::current().name().unwrap_or("test").to_owned();
    let test = thread::Builder::new()
        .name(name)
        .spawn(move || {
            STARTED.set(theirs);
            let result = panic::catch_unwind(panic::AssertUnwindSafe(body));
            let _ = done.send(());
            result
        })
        .expect("a thread");
    if wait.recv_timeout(limit).is_err() {
        let processes = processes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let doing: String = processes.iter().map(|&pid| doing(pid)).collect();
        for pid in processes {
            let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
        }
        panic!("not done after {limit:?}; its processes were:\n{doing}");
    }
    match test.join() {
        Ok(Ok(())) => {}
        Ok(Err(panic)) | Err(panic) => panic::resume_unwind(panic),
    }
}

/// Registers a process with `within`, which reports on it if the test hangs.
pub fn started(pid: u32) {
    STARTED.with_borrow(|processes| processes.lock().unwrap_or_else(PoisonError::into_inner).push(pid));
}

/// Polls until `condition` holds.
#[track_caller]
pub fn until(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        if start.elapsed() >= limit {
            let processes = STARTED.with_borrow(|p| p.lock().unwrap_or_else(PoisonError::into_inner).clone());
            let doing: String = processes.iter().map(|&pid| doing(pid)).collect();
            panic!("waited {limit:?} in vain until {what}; the processes:\n{doing}");
        }
        // The pace of the looks.
        thread::sleep(Duration::from_millis(2));
    }
}

/// What every thread of a process is doing, as far as we may look.
pub fn doing(pid: u32) -> String {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return format!("{pid}: gone\n") };
    let mut report = String::new();
    for task in tasks.flatten() {
        let path = task.path();
        let read = |file: &str| fs::read_to_string(path.join(file)).unwrap_or_default();
        let status = read("status");
        let state = status.lines().find(|line| line.starts_with("State:")).unwrap_or("State: ?");
        let (comm, wchan, syscall) = (read("comm"), read("wchan"), read("syscall"));
        report += &format!("{}: {} {state}, in {wchan}, system call {}\n", path.display(), comm.trim(), syscall.trim());
    }
    report
}

/// A test that cannot run here: printed on a user's machine, a failure in CI.
pub fn skip(why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "cannot run, and must in CI: {why}");
    skip_in_ci_too(why);
}

/// The same for what no package has and no clone brings: CI may be without it.
pub fn skip_in_ci_too(why: &str) {
    let name = thread::current().name().unwrap_or("test").to_owned();
    // Not a print macro: libtest would swallow it.
    let _ = writeln!(io::stderr(), "SKIPPED {name}: {why}");
}

/// True, with a skip, if the binary was built without the hooks that a test needs.
#[must_use]
pub fn without_hooks() -> bool {
    if cfg!(feature = "test-hooks") {
        return false;
    }
    skip("needs `cargo test --features test-hooks`");
    true
}

/// True, with a skip, if the test needs root and does not have it.
#[must_use]
pub fn without_root() -> bool {
    if nix::unistd::geteuid().is_root() {
        return false;
    }
    skip("needs root");
    true
}
