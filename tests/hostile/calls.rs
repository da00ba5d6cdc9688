//! Failing calls: a session goes on or ends in order, whichever system call fails in it, at whichever time.
//!
//! strace(1) injects the errors. Each call that a session makes once the program is loaded fails in a run of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use crate::support::bridge::{House, Start};
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
        "sendto" | "sendmsg" | "sendmmsg" => &["EINTR", "EAGAIN", "ECONNRESET", "ENOBUFS", "EPIPE"],
        "poll" | "ppoll" => &["EINTR", "ENOMEM"],
        "connect" => &["ECONNREFUSED", "EACCES", "ENETUNREACH", "ENOMEM"],
        "socket" => &["EMFILE", "EAFNOSUPPORT", "ENOBUFS"],
        "clone" | "clone3" => &["EAGAIN", "ENOMEM"],
        "openat" | "open" => &["EMFILE", "EACCES", "EIO"],
        "mmap" | "mprotect" => &["ENOMEM"],
        "getrandom" => &["EINTR"],
        // std panics where a directory does not close; those of /proc do.
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
    signal: Option<i32>,
    pub client: String,
    server: String,
    log: String,
}

/// A session of one QUIT; `before` is shell.
pub fn session(house: &House, before: &str) -> Outcome {
    let peer = Peer::before_handshake(house.leaf.server(rustls::ALL_VERSIONS), |mut link| {
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
    let _ = client.read_to_end(&mut heard);
    drop(client);
    let (status, log) = bridge.finish_anyhow();
    // Perhaps nobody ever called the server.
    drop(TcpStream::connect(peer.addr));
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    Outcome { code: status.code(), signal: status.signal(), client: text(&heard), server: text(&peer.done()), log }
}

fn strace(options: &str) -> String {
    format!("exec strace -f {options} \"$0\" \"$@\";")
}

/// What is wrong with an outcome.
pub fn fault(outcome: &Outcome, call: &str, error: &str) -> Option<&'static str> {
    const SIGABRT: i32 = 6;
    let Outcome { code, signal, client, server, log } = outcome;
    let all = format!("{GREETING}{BYE}");
    let replied = client.starts_with("421 4.") && client.ends_with("\r\n") && client.lines().count() == 1;
    let writes = ["write", "writev", "sendto", "poll", "ppoll", "shutdown", "dup", "fcntl", "fstat"].contains(&call);
    if !"QUIT\r\n".starts_with(server.as_str()) {
        return Some("the server heard something else");
    }
    let half_replied = writes && client.starts_with("421 4.");
    if !(all.starts_with(client.as_str()) || replied || half_replied) {
        return Some("the client heard something else");
    }
    // Not read: the C library does not restart that of its files, which no kernel interrupts.
    let restarted = error == "EINTR" && ["recvfrom", "sendto", "poll", "ppoll", "write"].contains(&call);
    match (code, signal) {
        _ if restarted && (*code != Some(0) || *client != all) => Some("an interruption was taken for a failure"),
        (None, Some(SIGABRT)) if error == "ENOMEM" => None,
        (None, _) => Some("a death by a signal"),
        (Some(70 | 101), _) => Some("a panic"),
        // The server has said goodbye, and the client cannot be told.
        (Some(0), _) if log.contains("end=client_gone") && server == "QUIT\r\n" => None,
        (Some(0), _) if *client != all => Some("exit 0 and no whole session"),
        (Some(code), _) if *code != 0 && client.is_empty() && !writes => Some("no reply"),
        (Some(code), _) if *code != 0 && !log.contains("failed ") && !log.contains("closed ") && !writes => {
            Some("no line")
        }
        _ => None,
    }
}

/// The calls of a trace behind the loading of the program, each with its number in its thread.
fn calls(trace: &str) -> BTreeSet<(String, usize)> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut calls = BTreeSet::new();
    // The runtime of Rust looks at the three descriptors before main.
    let mut loaded = false;
    for line in trace.lines() {
        let Some((pid, call)) = line.split_once(' ') else { continue };
        let Some((name, arguments)) = call.trim().split_once('(') else { continue };
        if !name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'_') {
            continue;
        }
        let count = counts.entry((pid, name)).or_default();
        *count += 1;
        loaded |= name == "poll" && arguments.starts_with("[{fd=0,");
        if loaded {
            calls.insert((name.to_owned(), *count));
        }
    }
    // A call of a number that loading makes too would fail there.
    let first = trace.lines().next().and_then(|line| line.split_once(' ')).map_or("", |(pid, _)| pid);
    let loading = trace.split("poll([{fd=0,").next().unwrap_or_default();
    let in_loading = |name: &str| {
        let begins = format!("{name}(");
        loading.lines().filter(|line| line.strip_prefix(first).is_some_and(|it| it.trim().starts_with(&begins))).count()
    };
    calls.retain(|(name, number)| *number > in_loading(name));
    calls
}

/// Goal: no hang, no panic, no death by a signal (but SIGABRT when memory is out), no octet of ours in the stream, none
/// lost or doubled that is not told by the exit code.
#[test]
fn whichever_call_fails_the_session_goes_on_or_ends_in_order() {
    if without_hooks() || without_root() || without_tool("strace") {
        return;
    }
    within(LIMIT, || {
        let house = House::new();
        let trace = house.dir.path("trace");
        let good = session(&house, &strace(&format!("-o {}", trace.display())));
        assert_eq!((good.code, good.client.as_str()), (Some(0), format!("{GREETING}{BYE}").as_str()), "{good:#?}");
        let calls = calls(&std::fs::read_to_string(trace).unwrap());
        assert!(calls.len() > 50, "{calls:?}");
        // Everything in CI, a part of it elsewhere.
        let step = if std::env::var("CI").as_deref() == Ok("true") { 1 } else { 8 };
        let runs = calls.iter().flat_map(|(call, number)| errors(call).iter().map(move |error| (call, number, error)));
        let runs: Vec<_> = runs.step_by(step).collect();
        let (next, faults) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for _ in 0..WORKERS {
                scope.spawn(|| {
                    while let Some((call, number, error)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let inject = format!("-e trace={call} -e inject={call}:error={error}:when={number}");
                        let outcome = session(&house, &strace(&format!("-o /dev/null {inject}")));
                        if let Some(fault) = fault(&outcome, call, error) {
                            faults.lock().unwrap().push(format!("{call} {number} {error}: {fault}: {outcome:#?}"));
                        }
                    }
                });
            }
        });
        let faults = faults.into_inner().unwrap();
        assert!(faults.is_empty(), "{} of {} runs:\n{}", faults.len(), runs.len(), faults.join("\n"));
    });
}
