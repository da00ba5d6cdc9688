//! The real binary on descriptors of the test's choice. It never outlives its test, and its end is never a signal or
//! 101 unless a test says so.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;

use super::ca::{Ca, Leaf};
use super::dir::Dir;
use super::limit::{doing, started, until};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_smtps-bridge");

/// Nothing that the bridge does at usual speed takes longer; tests with slower clocks scale them (`Start::speed`).
const PATIENCE: Duration = Duration::from_secs(25);

/// What nearly every test needs: a directory, a CA whose certificate lies in it, and a good certificate.
pub struct House {
    pub dir: Dir,
    pub ca: Ca,
    pub leaf: Leaf,
}

impl House {
    pub fn new() -> House {
        let (dir, ca) = (Dir::new(), Ca::new());
        dir.write("ca.pem", ca.pem());
        let leaf = ca.leaf();
        House { dir, ca, leaf }
    }

    /// The bridge to `host`, trusting our CA.
    pub fn bridge(&self, host: impl Into<OsString>) -> Start {
        Start::new().arg("--ca-file").arg(self.dir.path("ca.pem")).arg(host)
    }
}

/// A bridge about to start.
#[derive(Clone)]
pub struct Start {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    user: Option<u32>,
    directory: Option<OsString>,
    called: Option<OsString>,
}

impl Start {
    pub fn new() -> Start {
        Start { program: PROGRAM.into(), args: Vec::new(), env: Vec::new(), user: None, directory: None, called: None }
    }

    pub fn arg(mut self, arg: impl Into<OsString>) -> Start {
        self.args.push(arg.into());
        self
    }

    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Start {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Start {
        self.env.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// Every clock of the bridge runs `n` times as fast. Needs the hooks.
    pub fn speed(self, n: u32) -> Start {
        self.env("SMTPS_BRIDGE_TEST_SPEED", n.to_string())
    }

    /// `path` in place of /dev/log. Needs the hooks.
    pub fn syslog(self, path: &Path) -> Start {
        self.env("SMTPS_BRIDGE_TEST_SYSLOG", path)
    }

    /// A panic when `stage` is entered. Needs the hooks.
    pub fn panic(self, stage: &str) -> Start {
        self.env("SMTPS_BRIDGE_TEST_PANIC", stage)
    }

    /// Starts as this user (and group); only root can.
    pub fn user(mut self, uid: u32) -> Start {
        self.user = Some(uid);
        self
    }

    /// Another build than the one that the tests belong to.
    pub fn program(mut self, program: PathBuf) -> Start {
        self.program = program.into();
        self
    }

    /// The word before the arguments, which a superserver's line may lack.
    pub fn called(mut self, name: &str) -> Start {
        self.called = Some(name.into());
        self
    }

    pub fn directory(mut self, directory: &Path) -> Start {
        self.directory = Some(directory.into());
        self
    }

    /// Under a shell that does `redirections` first: `0<&-` closes descriptor 0, `trap '' PIPE;` comes before.
    pub fn under_shell(self, before: &str, redirections: &str) -> Start {
        let mut args = vec!["-c".into(), format!("{before} exec \"$0\" \"$@\" {redirections}").into(), self.program];
        args.extend(self.args);
        Start { program: "/bin/sh".into(), args, ..self }
    }

    /// As inetd, xinetd and systemd do: one socket as 0, 1 and 2. What would go to stderr goes to the client.
    pub fn inetd(self) -> (Bridge, TcpStream) {
        let (client, theirs) = tcp_pair();
        let fds = [duplicate(&theirs), duplicate(&theirs), theirs.into()];
        let [stdin, stdout, stderr] = fds.map(Stdio::from);
        (self.on(stdin, stdout, stderr), client)
    }

    /// One socket as 0 and 1; the log comes through a pipe on 2.
    pub fn socket(self) -> (Bridge, TcpStream) {
        let (client, theirs) = tcp_pair();
        (self.on(duplicate(&theirs), OwnedFd::from(theirs), Stdio::piped()), client)
    }

    /// One end of a Unix socket pair as 0 and 1.
    pub fn unix_socket(self) -> (Bridge, UnixStream) {
        let (client, theirs) = UnixStream::pair().expect("a socket pair");
        client.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        let copy = theirs.try_clone().expect("a descriptor");
        (self.on(OwnedFd::from(copy), OwnedFd::from(theirs), Stdio::piped()), client)
    }

    /// Two pipes: what goes to descriptor 0, what comes from descriptor 1.
    pub fn pipes(self) -> (Bridge, std::process::ChildStdin, std::process::ChildStdout) {
        let mut bridge = self.on(Stdio::piped(), Stdio::piped(), Stdio::piped());
        let (stdin, stdout) = (bridge.child.stdin.take(), bridge.child.stdout.take());
        (bridge, stdin.expect("a pipe"), stdout.expect("a pipe"))
    }

    /// Any three descriptors; the log is captured if `stderr` is `Stdio::piped()`.
    pub fn on(self, stdin: impl Into<Stdio>, stdout: impl Into<Stdio>, stderr: impl Into<Stdio>) -> Bridge {
        let mut command = Command::new(&self.program);
        command.args(&self.args).envs(self.env).stdin(stdin).stdout(stdout).stderr(stderr);
        if let Some(id) = self.user {
            command.uid(id).gid(id);
        }
        if let Some(directory) = self.directory {
            command.current_dir(directory);
        }
        if let Some(name) = self.called {
            command.arg0(name);
        }
        let mut child = command.spawn().expect("the bridge starts");
        started(child.id());
        let log = Arc::<Mutex<String>>::default();
        let reader = child.stderr.take().map(|stderr| {
            let log = Arc::clone(&log);
            thread::spawn(move || {
                let mut stderr = BufReader::new(stderr);
                let mut line = Vec::new();
                while stderr.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                    log.lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(&line));
                    line.clear();
                }
            })
        });
        Bridge { child, log, reader }
    }
}

pub struct Bridge {
    pub child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

/// How a bridge ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    /// All of stderr, if it was a pipe.
    pub log: String,
}

impl Bridge {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Stderr so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    #[track_caller]
    pub fn until_log(&self, text: &str) {
        until(PATIENCE, &format!("the log has {text:?}"), || self.log().contains(text));
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid().cast_signed()), signal).expect("signalling the bridge");
    }

    /// Waits for its end, which must be an exit and not a panic.
    #[track_caller]
    pub fn finish(self) -> Ended {
        self.finish_within(PATIENCE)
    }

    #[track_caller]
    pub fn finish_within(self, limit: Duration) -> Ended {
        let (status, log) = self.end(limit);
        let Some(code) = status.code() else { panic!("ended by a signal: {status}; log: {log}") };
        assert_ne!(code, 101, "a panic of the runtime; log: {log}");
        Ended { code, log }
    }

    /// Waits for an end by a signal, which only exhausted memory or stack may cause.
    #[track_caller]
    pub fn finish_by_signal(self) -> (Option<i32>, String) {
        let (status, log) = self.finish_anyhow();
        (status.signal(), log)
    }

    #[track_caller]
    pub fn finish_anyhow(self) -> (ExitStatus, String) {
        self.end(PATIENCE)
    }

    #[track_caller]
    fn end(mut self, limit: Duration) -> (ExitStatus, String) {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("waiting for the bridge") {
                break status;
            }
            assert!(start.elapsed() < limit, "still there after {limit:?}:\n{}log: {}", doing(self.pid()), self.log());
            // The pace of the looks.
            thread::sleep(Duration::from_millis(1));
        };
        let _ = self.reader.take().map(JoinHandle::join);
        (status, self.log())
    }

    /// A size in KiB of /proc/PID/status, as `VmRSS` or `VmHWM`.
    pub fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("/proc/PID/status");
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        line.split_whitespace().nth(1).and_then(|size| size.parse().ok()).unwrap_or_default()
    }
}

impl Ended {
    /// The one line about the session or its failure.
    #[track_caller]
    pub fn line(&self) -> &str {
        let begins = |line: &&str| {
            let line = line.strip_prefix("smtps-bridge: ").unwrap_or(line);
            line.starts_with("closed ") || line.starts_with("failed ")
        };
        let about: Vec<&str> = self.log.lines().filter(begins).collect();
        let [line] = about.as_slice() else { panic!("one line about the session, not {about:?} in: {}", self.log) };
        line
    }

    /// The exit code and the `end=` word of a session.
    #[track_caller]
    pub fn assert(&self, end: &str, code: i32) {
        let line = self.line();
        let word = line.split_whitespace().find_map(|field| field.strip_prefix("end="));
        assert_eq!((word, self.code), (Some(end), code), "log: {}", self.log);
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connected pair of TCP sockets on 127.0.0.1; the first one is the test's.
pub fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let ours = TcpStream::connect(listener.local_addr().expect("the port's number")).expect("a connection");
    let (theirs, _) = listener.accept().expect("a connection");
    ours.set_nodelay(true).expect("TCP_NODELAY");
    ours.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
    ours.set_write_timeout(Some(PATIENCE)).expect("a write timeout");
    (ours, theirs)
}

fn duplicate(socket: &TcpStream) -> OwnedFd {
    socket.try_clone().expect("a descriptor").into()
}
