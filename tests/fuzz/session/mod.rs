//! The relay, driven from both sides by a schedule: descriptors 0 and 1 are this process's, the smarthost is rustls on
//! a pair of sockets. Nothing may be lost, altered or left behind, and everything ends.
//!
//! One run at a time, always on the same thread: descriptors and signals are the process's.

mod client;
mod drive;
mod plan;
mod server;
mod twin;
mod verdict;

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::pthread::pthread_self;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{setsockopt, sockopt};
use nix::unistd::{dup, dup2_stdin, dup2_stdout};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::ServerConfig;
use smtps_bridge::cli::{self, Action};
use smtps_bridge::deadline::Deadline;
use smtps_bridge::error::{Error, Stage};
use smtps_bridge::options::{Mode, Newlines, Replies};
use smtps_bridge::relay::{self, Ended, Settings};
use smtps_bridge::smtp::{Code, Greeting, Rules};
use smtps_bridge::stdio;
use smtps_bridge::text::escape;
use smtps_bridge::tls::{self, Attempt, Packets};
use smtps_bridge::trust::Trusted;
use smtps_bridge::wait::Waiter;
use smtps_bridge::x509::Certificate;

use client::Client;
use drive::Drive;
use plan::{Hello, Opening, Plan};
use server::Server;
use twin::Twin;

/// Divides the clocks: 30 s are 6 ms, 660 s are 132 ms. Or they are 10 s, and no clock takes part in a run.
const FAST: &str = "5000";
const SLOW: &str = "3";

pub fn run(data: &[u8]) {
    let Some(plan) = Plan::new(data) else { return };
    static WORLD: OnceLock<World> = OnceLock::new();
    let world = WORLD.get_or_init(World::new);
    world.session(plan);
}

/// What all runs share.
struct World {
    waiter: Waiter,
    /// SIGTERMs that came after the relay's end.
    late: SignalFd,
    trusted: Trusted,
    /// TLS 1.2 and 1.3.
    servers: [Arc<ServerConfig>; 2],
    /// Descriptors 0 and 1 as they were.
    usual: [OwnedFd; 2],
    null: File,
}

impl World {
    fn new() -> World {
        let mut mask = SigSet::empty();
        // Rust's runtime ignores it; a fuzzer's main function is not Rust's.
        mask.add(Signal::SIGPIPE);
        mask.thread_block().expect("a mask of signals");
        let mut term = SigSet::empty();
        term.add(Signal::SIGTERM);
        let key = rcgen::KeyPair::generate().expect("a key");
        let cert = rcgen::CertificateParams::new(vec!["fuzz.test".to_owned()]).expect("a name");
        let cert = cert.self_signed(&key).expect("a certificate").der().clone();
        let pin = Certificate::read(&cert).expect("a certificate that can be read").pin();
        // Hybrid key exchange is tested elsewhere, and takes time.
        let words = ["--pin-only", &pin, "--no-pq", "fuzz.test"].map(OsString::from);
        let Ok(Action::Session(options)) = cli::parse(words.to_vec()) else { panic!("{words:?}") };
        let server = |version| {
            let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
            let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
                .with_protocol_versions(&[version])
                .expect("a version")
                .with_no_client_auth();
            Arc::new(builder.with_single_cert(vec![cert.clone()], key).expect("a server"))
        };
        let usual = [dup(io::stdin()), dup(io::stdout())].map(|fd| fd.expect("a descriptor"));
        // What the product opens once in a process.
        let (_unread, pipe) = std::io::pipe().expect("a pipe");
        dup2_stdout(OwnedFd::from(pipe)).expect("descriptor 1");
        stdio::look();
        World {
            waiter: Waiter::for_sigterm(),
            late: SignalFd::with_flags(&term, SfdFlags::SFD_NONBLOCK).expect("a signalfd"),
            trusted: Trusted::new(&options.trust).unwrap_or_else(|error| panic!("{error}")),
            servers: [server(&rustls::version::TLS12), server(&rustls::version::TLS13)],
            usual,
            null: OpenOptions::new().read(true).write(true).open("/dev/null").expect("/dev/null"),
        }
    }

    fn session(&self, plan: Plan) {
        std::env::set_var("SMTPS_BRIDGE_TEST_SPEED", if plan.fast { FAST } else { SLOW });
        let before = census();
        let (client, zero, one) = Client::new(plan.pipes, plan.narrow);
        dup2_stdin(zero).expect("descriptor 0");
        dup2_stdout(one).expect("descriptor 1");
        let (remote, theirs) = UnixStream::pair().expect("a pair");
        if plan.narrow {
            narrow(&remote);
            narrow(&theirs);
        }
        let (bell, heard) = UnixStream::pair().expect("a pair");
        heard.set_nonblocking(true).expect("O_NONBLOCK");
        let rules = if plan.require_auth { Rules::RequireAuth } else { Rules::Follow };
        let settings = Settings {
            idle_timeout: plan.idle.then_some(Duration::from_secs(660)).filter(|_| plan.fast),
            newlines: if plan.crlf { Newlines::Crlf } else { Newlines::AsTheyAre },
            // With `Smtp` the first octet is claimed, and that can be done once in a process.
            replies: Replies::None,
            rules,
            server_name: "fuzz.test",
        };
        let greeting = plan.greeting;
        // A changed length makes both sides wait for each other.
        let limit = Duration::from_millis(if matches!(plan.hello, Hello::Bent { .. }) { 50 } else { 10_000 });
        let done = Arc::new(AtomicBool::new(false));
        let drive = Drive {
            server: Server::new(theirs, self.servers[usize::from(!plan.tls12)].clone()),
            client,
            twin: Twin::new(rules, plan.crlf, plan.fast),
            plan,
            bridge: pthread_self(),
            bell: heard,
            done: done.clone(),
            begun: Instant::now(),
            terminated: false,
            settled: false,
            settled_at: 0,
            ended_in_time: false,
        };
        let driver = thread::Builder::new().name("driver".to_owned()).spawn(move || drive.run()).expect("a thread");
        let result = self.bridge(remote, greeting, limit, &settings, &bell);
        // As at the exit of the process; a thread may be about to write.
        dup2_stdin(&self.null).expect("descriptor 0");
        dup2_stdout(&self.null).expect("descriptor 1");
        done.store(true, Ordering::SeqCst);
        drop(bell);
        let Ok(run) = driver.join() else { panic!("the driver found something") };
        while let Ok(Some(_)) = self.late.read_signal() {}
        verdict::check(&run, result);
        drop(run);
        let limit = Instant::now() + Duration::from_secs(10);
        while census() != before {
            assert!(Instant::now() < limit, "left behind: {:?}, before {before:?}", census());
            thread::yield_now();
        }
        dup2_stdin(&self.usual[0]).expect("descriptor 0");
        dup2_stdout(&self.usual[1]).expect("descriptor 1");
    }

    /// What main.rs does between connect and the last log line.
    fn bridge(
        &self,
        remote: UnixStream,
        greeting: Option<Opening>,
        limit: Duration,
        settings: &Settings,
        bell: &UnixStream,
    ) -> Result<Ended, Error> {
        let mut local = stdio::look();
        stdio::admit(&mut local, &[])?;
        let attempt = Attempt {
            trusted: &self.trusted,
            host: &cli::host("fuzz.test".as_ref(), Mode::ImplicitTls, None).expect("a host"),
            deadline: Deadline::after(limit),
            seconds: 10,
            waiter: &self.waiter,
            packets: Packets::Usual,
        };
        // A stream is a stream: nothing that is asked of it is TCP's alone.
        let mut tls = tls::handshake(TcpStream::from(OwnedFd::from(remote)), &attempt, &mut None)?;
        let mut greeted = Vec::new();
        if greeting.is_some() {
            let said = tls.greeting(&attempt)?;
            if said.reply.code != Code::READY {
                tls.leave();
                return Err(Error::Turned { stage: Stage::Greeting, line: escape(&said.reply.words()) });
            }
            greeted = said.octets;
            assert_eq!(Some(greeted.len()), greeting.and_then(|greeting| greeting.whole), "the greeting is cut");
        }
        let relay = relay::start(&local, tls, Greeting::Theirs(greeted), settings, &self.waiter)?;
        let _ = { bell }.write(&[0]);
        relay.run()
    }
}

/// Threads and descriptors.
fn census() -> (usize, usize) {
    let count = |path| fs::read_dir(path).map_or(0, Iterator::count);
    (count("/proc/self/task"), count("/proc/self/fd"))
}

/// The least that the system has; much is always on its way then.
fn narrow(stream: &UnixStream) {
    setsockopt(stream, sockopt::SndBuf, &4096).expect("SO_SNDBUF");
}
