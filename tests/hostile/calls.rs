//! Failing calls: a session goes on or ends cleanly, whichever system call fails in it, and whenever it fails.
//!
//! strace(1) injects the errors. Each call that a session makes once the program is loaded fails in a run of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use crate::hostile::{cases, Group};
use crate::support::bridge::{House, Start};
use crate::support::ca::{Ca, Leaf};
use crate::support::limit::{within, without_hooks, without_root};
use crate::support::namespace::without_tool;
use crate::support::outcome::GREETING;
use crate::support::peer::Peer;

/// Half a minute for all of it on two idle cores.
const LIMIT: Duration = Duration::from_secs(300);

/// Most of a run is waiting.
const WORKERS: usize = 6;

const BYE: &str = "221 2.0.0 Bye\r\n";

/// What a call can fail with. Not in here: what cannot fail or ends the process; futex, to whose failure the C library
/// answers with an abort of its own, and brk (its first one, before main, takes the C library down).
fn errors(call: &str) -> &'static [&'static str] {
    match call {
        "read" => &["EINTR", "EAGAIN", "EIO", "ECONNRESET"],
        "write" | "writev" => &["EINTR", "EAGAIN", "EPIPE", "ENOSPC", "EIO"],
        "recvfrom" | "recvmsg" => &["EINTR", "EAGAIN", "ECONNRESET", "ENOMEM"],
        // No EPIPE: a socket that is alive is never a broken pipe.
        "sendto" | "sendmsg" | "sendmmsg" => &["EINTR", "EAGAIN", "ECONNRESET", "ENOBUFS"],
        "poll" | "ppoll" => &["EINTR", "ENOMEM"],
        "connect" => &["ECONNREFUSED", "EACCES", "ENETUNREACH", "ENOMEM"],
        "socket" => &["EMFILE", "EAFNOSUPPORT", "ENOBUFS"],
        "clone" | "clone3" => &["EAGAIN", "ENOMEM"],
        "openat" | "open" => &["EMFILE", "EACCES", "EIO"],
        "mmap" | "mprotect" => &["ENOMEM"],
        "getrandom" => &["EINTR"],
        // std panics if a directory does not close; those of /proc do.
        "close" => &["EINTR"],
        "setresuid" | "setresgid" | "setgroups" | "prctl" => &["EPERM", "EAGAIN"],
        "landlock_create_ruleset" | "landlock_add_rule" | "landlock_restrict_self" => &["ENOSYS", "EPERM"],
        "brk" | "futex" | "exit" | "exit_group" | "munmap" | "rt_sigreturn" | "restart_syscall" | "sched_yield"
        | "rseq" | "set_robust_list" | "gettid" | "getpid" | "madvise" | "sigaltstack" | "rt_sigprocmask"
        | "rt_sigaction" | "nanosleep" | "clock_nanosleep" => &[],
        _ => &["EPERM", "ENOMEM"],
    }
}

#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub client: String,
    pub server: String,
    pub log: String,
}

/// A session of one QUIT; `before` is shell.
pub fn session(house: &House, before: &str) -> Outcome {
    session_of(house, &house.leaf, before)
}

/// The same where the server presents `leaf`.
fn session_of(house: &House, leaf: &Leaf, before: &str) -> Outcome {
    let peer = Peer::before_handshake(leaf.server(rustls::ALL_VERSIONS), |mut link| {
        let mut heard = Vec::new();
        if link.try_handshake().is_err() || link.try_send(GREETING.as_bytes()).is_err() {
            return heard;
        }
        let mut said_bye = false;
        while link.feed().unwrap_or(false) {
            let _ = link.tls.reader().read_to_end(&mut heard);
            if heard.ends_with(b"QUIT\r\n") && !said_bye {
                said_bye = true;
                let _ = link.try_send(BYE.as_bytes());
                let last = link.close_notify_record();
                let _ = link.tcp.write_all(&last);
            }
        }
        heard
    });
    let start: Start = house.bridge(format!("localhost:{}", peer.addr.port())).arg("-4").speed(20);
    let (bridge, mut client) = start.under_shell(before, "").socket();
    let mut heard = Vec::new();
    let mut octet = [0];
    while heard.last() != Some(&b'\n') && client.read(&mut octet).is_ok_and(|n| n == 1) {
        heard.push(octet[0]);
    }
    if heard.starts_with(b"220") {
        let _ = client.write_all(b"QUIT\r\n");
    } else {
        let _ = client.shutdown(Shutdown::Write);
    }
    if client.read_to_end(&mut heard).is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
        heard.extend(b"and nothing more, and no end");
    }
    drop(client);
    let (status, log) = bridge.finish_anyhow();
    // Perhaps no one ever called the server.
    drop(TcpStream::connect(peer.addr));
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    Outcome { code: status.code(), signal: status.signal(), client: text(&heard), server: text(&peer.done()), log }
}

pub fn strace(options: &str) -> String {
    format!("exec strace {options} \"$0\" \"$@\";")
}

/// What is wrong with the outcome of a session.
pub fn fault(outcome: &Outcome, call: &str, error: &str) -> Option<&'static str> {
    fault_of(outcome, &format!("{GREETING}{BYE}"), 0, call, error)
}

/// What is wrong with an outcome that would have been `usual`, what the client hears, and `exit` without a failing call.
fn fault_of(outcome: &Outcome, usual: &str, exit: i32, call: &str, error: &str) -> Option<&'static str> {
    const SIGABRT: i32 = 6;
    let Outcome { code, signal, client, server, log } = outcome;
    let replied = client.starts_with("421 4.") && client.ends_with("\r\n") && client.lines().count() == 1;
    let writes = ["write", "writev", "sendto", "poll", "ppoll", "shutdown", "dup", "fcntl", "fstat", "newfstatat"]
        .contains(&call);
    if !"QUIT\r\n".starts_with(server.as_str()) {
        return Some("the server heard something else");
    }
    let half_replied = writes && client.starts_with("421 4.");
    if !(usual.starts_with(client.as_str()) || replied || half_replied) {
        return Some("the client heard something else");
    }
    // Not read: the C library does not restart that of its files, which no kernel interrupts.
    let restarted = error == "EINTR" && ["recvfrom", "sendto", "poll", "ppoll", "write"].contains(&call);
    match (code, signal) {
        _ if restarted && (*code != Some(exit) || client != usual) => Some("an interruption was taken for a failure"),
        (None, Some(SIGABRT)) if error == "ENOMEM" => None,
        (None, _) => Some("a death by a signal"),
        (Some(70 | 101), _) => Some("a panic"),
        // The server has said goodbye, and it cannot be passed on to the client.
        (Some(0), _) if log.contains("end=client_gone") && server == "QUIT\r\n" => None,
        // The client was gone before the smarthost was dialled: nothing was lost.
        (Some(0), _) if log.contains("end=client_gone") && call == "recvfrom" && server.is_empty() => None,
        // It went before it had read or said a word; the same call of the other thread is that of the log.
        (Some(0), _) if (call, error) == ("write", "EPIPE") && client.is_empty() && server.is_empty() => None,
        (Some(0), _) if exit != 0 || client != usual => Some("exit 0 and no whole session"),
        (Some(code), _) if *code != 0 && client.is_empty() && !writes => Some("no reply"),
        (Some(code), _) if *code != 0 && !log.contains("failed ") && !log.contains("closed ") && !writes => {
            Some("no line")
        }
        _ => None,
    }
}

/// Its calls behind the loading of the program, each with its number in its thread.
pub struct Trace(String);

impl Trace {
    /// What `run` does under strace, which the trace is written for.
    pub fn of(house: &House, run: impl FnOnce(&str) -> Outcome) -> (Trace, Outcome) {
        let file = house.dir.path("trace");
        let outcome = run(&strace(&format!("-f -o {}", file.display())));
        (Trace(std::fs::read_to_string(file).unwrap()), outcome)
    }

    fn main_thread(&self) -> &str {
        self.0.split(' ').next().unwrap_or_default()
    }

    /// The calls behind the first line that has `begin` in it; those of the main thread or of all.
    pub fn calls(&self, begin: &str, main_only: bool) -> BTreeSet<(String, usize)> {
        let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut calls = BTreeSet::new();
        // A call of a number that came before in the main thread would fail there.
        let mut before: BTreeMap<&str, usize> = BTreeMap::new();
        let mut begun = false;
        for line in self.0.lines() {
            let Some((pid, call)) = line.split_once(' ') else { continue };
            let Some((name, _)) = call.trim().split_once('(') else { continue };
            if !name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'_') {
                continue;
            }
            let count = counts.entry((pid, name)).or_default();
            *count += 1;
            begun |= line.contains(begin);
            if !begun {
                before.insert(name, *count);
            } else if !main_only || pid == self.main_thread() {
                calls.insert((name.to_owned(), *count));
            }
        }
        calls.retain(|(name, number)| *number > before.get(name.as_str()).copied().unwrap_or_default());
        calls
    }
}

/// The runtime of Rust looks at the three descriptors before main.
const LOADED: &str = "poll([{fd=0,";

/// Everything in CI, a part of it elsewhere.
fn in_part<T>(runs: Vec<T>) -> Vec<T> {
    let step = if std::env::var("CI").as_deref() == Ok("true") { 1 } else { 8 };
    runs.into_iter().step_by(step).collect()
}

/// Reports what `run` finds wrong.
pub fn none_of<T: Sync + std::fmt::Debug>(runs: Vec<T>, run: impl Fn(&T) -> Option<String> + Sync) {
    let (next, faults) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(it) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(fault) = run(it) {
                        faults.lock().unwrap().push(format!("{it:?}: {fault}"));
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{} of {} runs:\n{}", faults.len(), runs.len(), faults.join("\n"));
    cases(Group::FailingCalls, runs.len());
}

/// Each call with each of its errors.
pub fn failures(calls: BTreeSet<(String, usize)>) -> Vec<(String, usize, &'static str)> {
    let each = |(call, number): (String, usize)| errors(&call).iter().map(move |error| (call.clone(), number, *error));
    calls.into_iter().flat_map(each).collect()
}

pub fn injected((call, number, error): &(String, usize, &str)) -> String {
    strace(&format!("-f -o /dev/null -e trace={call} -e inject={call}:error={error}:when={number}"))
}

/// Goal: no hang, no panic, no death by a signal (but SIGABRT when memory is out), no octet of ours in the stream, none
/// lost or doubled unless the exit code says so.
#[test]
fn whichever_call_fails_the_session_goes_on_or_ends_in_order() {
    if without_hooks() || without_root() || without_tool("strace") {
        return;
    }
    within(LIMIT, || {
        let house = House::new();
        let (trace, good) = Trace::of(&house, |before| session(&house, before));
        assert_eq!((good.code, good.client.as_str()), (Some(0), format!("{GREETING}{BYE}").as_str()), "{good:#?}");
        let calls = trace.calls(LOADED, false);
        assert!(calls.len() > 50, "{calls:?}");
        none_of(in_part(failures(calls)), |failure| {
            let outcome = session(&house, &injected(failure));
            fault(&outcome, &failure.0, failure.2).map(|fault| format!("{fault}: {outcome:#?}"))
        });
    });
}

/// Goal: the same while the bridge is about to refuse: no failure turns the refusal into a session, and the 421 is whole or
/// not there.
#[test]
fn whichever_call_fails_a_refusal_stays_one() {
    if without_hooks() || without_root() || without_tool("strace") {
        return;
    }
    within(LIMIT, || {
        let house = House::new();
        let stranger = Ca::named("Stranger").leaf();
        let (trace, usual) = Trace::of(&house, |before| session_of(&house, &stranger, before));
        assert!(usual.client.starts_with("421 4.7.5 ") && usual.code == Some(69), "{usual:#?}");
        let calls = trace.calls(LOADED, false);
        assert!(calls.len() > 50, "{calls:?}");
        none_of(in_part(failures(calls)), |failure| {
            let outcome = session_of(&house, &stranger, &injected(failure));
            // The port is another one each time.
            let usual = format!("421 4.7.5 {}", outcome.client.strip_prefix("421 4.7.5 ").unwrap_or("?"));
            let fault = match outcome.server.as_str() {
                "" => fault_of(&outcome, &usual, 69, &failure.0, failure.2),
                _ => Some("the server heard something"),
            };
            fault.map(|fault| format!("{fault}: {outcome:#?}"))
        });
    });
}

/// Goal: SIGTERM at each call of the main thread, from when it is taken over to the last: a 421, or a clean end.
#[test]
fn sigterm_at_whichever_call_is_a_421_or_an_end_in_order() {
    if without_hooks() || without_root() || without_tool("strace") {
        return;
    }
    within(LIMIT, || {
        let house = House::new();
        let (trace, _) = Trace::of(&house, |before| session(&house, before));
        let calls = trace.calls("rt_sigprocmask(SIG_BLOCK, [TERM]", true);
        assert!(calls.len() > 50, "{calls:?}");
        let outcomes = Mutex::new(BTreeSet::new());
        none_of(calls.into_iter().collect(), |(call, number)| {
            let inject = format!("-o /dev/null -e trace={call} -e inject={call}:signal=SIGTERM:when={number}");
            let outcome = session(&house, &strace(&inject));
            let Outcome { code, client, server, log, .. } = &outcome;
            let replied = client.starts_with("421 4.3.2 ") && client.lines().count() == 1;
            // A server that greeted us is left with QUIT.
            let replied = replied && ["", "QUIT\r\n"].contains(&server.as_str());
            let session = format!("{GREETING}{BYE}");
            let (word, fine) = match code {
                Some(75) if replied => ("421", log.contains("failed ") && log.contains("421 4.3.2")),
                Some(75) => ("terminated", session.starts_with(client) && log.contains("end=terminated")),
                // The session was over.
                Some(0) => ("over", *client == session && log.contains("end=close_notify")),
                _ => ("?", false),
            };
            outcomes.lock().unwrap().insert(word);
            (!fine).then(|| format!("{outcome:#?}"))
        });
        let outcomes = outcomes.into_inner().unwrap();
        assert!(outcomes.contains("421") && outcomes.contains("terminated"), "{outcomes:?}");
    });
}
