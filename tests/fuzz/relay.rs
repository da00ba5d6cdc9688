//! The whole relay under a schedule of both sides: what the client and the smarthost write, read, and end, in which order.
//! In this process: descriptors 0 and 1 are one end of a socket pair, the smarthost is rustls at the end of another.

use std::ffi::OsString;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{dup, dup2_stdin, dup2_stdout};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection};

use smtps_bridge::cli::{self, Action};
use smtps_bridge::deadline::Deadline;
use smtps_bridge::exit::Exit;
use smtps_bridge::options::{Mode, Newlines, Replies};
use smtps_bridge::relay::{self, End, Ended, Settings};
use smtps_bridge::smtp::{Dialogue, Greeting, Rules};
use smtps_bridge::stdio;
use smtps_bridge::tls::{handshake, Attempt, Packets};
use smtps_bridge::trust::Trusted;
use smtps_bridge::wait::Waiter;
use smtps_bridge::x509::Certificate;

const GREETING: &[u8] = b"220 fuzz ESMTP\r\n";

/// Clocks run this much faster: 30 s are 0.3 s.
pub const SPEED: &str = "100";

/// What either side says if it speaks SMTP.
const WORDS: [&[u8]; 16] = [
    b"EHLO me\r\n",
    b"MAIL FROM:<a@b>\r\n",
    b"RCPT TO:<c@d>\r\n",
    b"DATA\r\n",
    b"text\r\n",
    b"\r\n.\r\n",
    b"\n.\n",
    b"QUIT\r\n",
    b"BDAT 5 LAST\r\nhello",
    b"BDAT 5\r\n",
    b"AUTH LOGIN\r\n",
    b"YQ==\r\n",
    b"NOOP\n",
    b"NO",
    b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n",
    b"\x16\x03\x01\x02\x00",
];
const REPLIES: [&[u8]; 16] = [
    b"250 ok\r\n",
    b"250-more\r\n",
    b"250",
    b"354 go on\r\n",
    b"550 no\r\n",
    b"334 VXNlcg==\r\n",
    b"235 ok\r\n",
    b"221 bye\r\n",
    b"421 4.3.2 going down\r\n",
    b"221-bye\r\n",
    b"250 ok\n250 ok\n250 ok\n",
    b"220 go on\r\n",
    b"\r\n",
    b"no reply\r\n",
    b"503-no\r\n503 no\r\n",
    b"4",
];

/// Far more than any clock of the relay at that speed: what is not over by then hangs.
const HANG: Duration = Duration::from_secs(30);

/// A server that has heard nothing for this long ends.
const PATIENCE: Duration = Duration::from_millis(100);

/// What does not change from run to run.
struct House {
    trusted: Trusted,
    server: Arc<ServerConfig>,
    waiter: Waiter,
}

fn house() -> &'static House {
    static HOUSE: OnceLock<House> = OnceLock::new();
    HOUSE.get_or_init(|| {
        // Rust's runtime does this for a program, but not for a library in another process.
        let mut pipe = SigSet::empty();
        pipe.add(Signal::SIGPIPE);
        pipe.thread_block().expect("a signal mask");
        assert_eq!(std::env::var("SMTPS_BRIDGE_TEST_SPEED").as_deref(), Ok(SPEED), "clocks at usual speed");
        let key = rcgen::KeyPair::generate().expect("a key");
        let cert = rcgen::CertificateParams::new(vec!["fuzz.test".to_owned()]).expect("a name");
        let cert = cert.self_signed(&key).expect("a certificate");
        let pin = Certificate::read(cert.der()).expect("a certificate that can be read").pin();
        // Hybrid key exchange is tested elsewhere, and takes time.
        let words = ["--pin-only", &pin, "--min-tls", "1.3", "--no-pq", "fuzz.test"].map(OsString::from);
        let Ok(Action::Session(options)) = cli::parse(words.to_vec()) else { panic!("{words:?}") };
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let server = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key);
        House {
            trusted: Trusted::new(&options.trust).unwrap_or_else(|error| panic!("{error}")),
            server: Arc::new(server.expect("a server")),
            waiter: Waiter::for_sigterm(),
        }
    })
}

/// Both ends as the schedule drives them, and what it knows of them.
struct Sides {
    /// None: closed.
    client: Option<UnixStream>,
    server: Option<UnixStream>,
    tls: ServerConnection,
    to_client: Vec<u8>,
    to_server: Vec<u8>,
    client_heard: Vec<u8>,
    server_heard: Vec<u8>,
    /// The client has written all that it will, and said so.
    client_ended: bool,
    /// The client went away with words unread, or could have.
    client_gone: bool,
    /// How the server ended; nothing after it counts.
    server_end: Option<ServerEnd>,
    /// Ciphertext that the socket did not take.
    waiting: Vec<u8>,
    octet: u8,
    smtp: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ServerEnd {
    CloseNotify,
    Fin,
    Closed,
    /// Octets that are no record.
    Garbage,
    Alert,
    HalfARecord,
}

/// The first octet has LF converted, and SMTP spoken. Each other one is a step: the low four bits say what, the high four how
/// much.
pub fn run(schedule: &[u8]) {
    let house = house();
    let threads = threads();
    let (client, local) = UnixStream::pair().expect("a socket pair");
    let (server, remote) = UnixStream::pair().expect("a socket pair");
    let saved = (dup(io::stdin()).expect("a descriptor"), dup(io::stdout()).expect("a descriptor"));
    dup2_stdin(&local).expect("dup2");
    dup2_stdout(&local).expect("dup2");
    drop(local);
    let is = |bit: u8| schedule.first().is_some_and(|first| first & bit != 0);
    let (smtp, newlines) = (is(0x40), if is(0x80) { Newlines::Crlf } else { Newlines::AsTheyAre });
    let over = AtomicBool::new(false);
    let (ended, sides) = thread::scope(|scope| {
        let driver = scope.spawn(|| {
            let mut sides = Sides::new(house, client, server, smtp);
            sides.follow(schedule.get(1..).unwrap_or_default());
            sides.finish(&over);
            sides
        });
        let ended = session(house, remote, newlines);
        over.store(true, Ordering::SeqCst);
        (ended, driver.join().expect("the driver"))
    });
    dup2_stdin(&saved.0).expect("dup2");
    dup2_stdout(&saved.1).expect("dup2");
    sides.judge(&ended, newlines);
    let start = Instant::now();
    while self::threads() > threads {
        assert!(start.elapsed() < HANG, "a thread is left");
        thread::sleep(Duration::from_millis(1));
    }
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

fn session(house: &House, remote: UnixStream, newlines: Newlines) -> Ended {
    let host = cli::host("fuzz.test".as_ref(), Mode::ImplicitTls, None).expect("a host");
    let deadline = Deadline::after(HANG);
    let attempt = Attempt {
        trusted: &house.trusted,
        host: &host,
        deadline,
        seconds: 30,
        waiter: &house.waiter,
        packets: Packets::Usual,
    };
    let stream = TcpStream::from(OwnedFd::from(remote));
    let tls = handshake(stream, &attempt, &mut None).unwrap_or_else(|error| panic!("no handshake: {error}"));
    let local = stdio::look();
    // The right to the first octet is claimed once in a process.
    let settings = Settings {
        idle_timeout: None,
        newlines,
        rules: Rules::Follow,
        replies: Replies::None,
        server_name: "fuzz.test",
    };
    let relay = relay::start(&local, tls, Greeting::Theirs(GREETING.to_vec()), &settings, &house.waiter);
    relay.and_then(relay::Relay::run).unwrap_or_else(|error| panic!("no session: {error}"))
}

impl Sides {
    fn new(house: &House, client: UnixStream, mut server: UnixStream, smtp: bool) -> Sides {
        let mut tls = ServerConnection::new(house.server.clone()).expect("a server");
        while tls.is_handshaking() {
            tls.complete_io(&mut server).expect("a handshake");
        }
        while tls.wants_write() {
            tls.write_tls(&mut server).expect("tickets");
        }
        client.set_nonblocking(true).expect("O_NONBLOCK");
        server.set_nonblocking(true).expect("O_NONBLOCK");
        Sides {
            client: Some(client),
            server: Some(server),
            tls,
            to_client: GREETING.to_vec(),
            to_server: Vec::new(),
            client_heard: Vec::new(),
            server_heard: Vec::new(),
            client_ended: false,
            client_gone: false,
            server_end: None,
            waiting: Vec::new(),
            octet: 0,
            smtp,
        }
    }

    fn follow(&mut self, schedule: &[u8]) {
        for step in schedule.iter().take(64) {
            let much = usize::from(step >> 4);
            match step & 15 {
                0 if self.smtp => self.client_says(WORDS[much]),
                0 => self.client_writes(much),
                1 => self.client_writes(much * 3000),
                2 => self.client_reads(1 + much * 1000),
                3 if much > 7 => self.client_half_closes(),
                4 if much > 13 => self.client_closes(),
                5 if self.smtp => self.server_says(REPLIES[much]),
                5 => self.server_writes(much),
                6 => self.server_writes(much * 3000),
                7 => (0..much).for_each(|_| self.server_writes(1)),
                8 => self.server_reads(),
                9 => self.key_update(),
                10 if much > 7 => self.server_ends(ServerEnd::CloseNotify),
                11 if much > 11 => self.server_ends([ServerEnd::Fin, ServerEnd::Closed][much % 2]),
                12 if much > 13 => self.server_ends([ServerEnd::Garbage, ServerEnd::Alert][much % 2]),
                13 if much > 14 => self.server_ends(ServerEnd::HalfARecord),
                // Both sides are slow: a part of what the relay would do gets done.
                14 => (0..much).for_each(|_| thread::yield_now()),
                15 => thread::sleep(Duration::from_micros(much as u64 * 100)),
                _ => {}
            }
            self.send_waiting();
        }
    }

    /// Both read on, and end what has not ended, until the relay is over.
    fn finish(&mut self, over: &AtomicBool) {
        let start = Instant::now();
        let (mut moved, mut heard) = (start, (0, 0));
        if !self.client_ended && !self.client_gone {
            self.client_half_closes();
        }
        while !over.load(Ordering::SeqCst) {
            assert!(start.elapsed() < HANG, "the relay hangs");
            self.client_reads(1 << 20);
            self.server_reads();
            self.send_waiting();
            if heard != (self.client_heard.len(), self.server_heard.len()) {
                (moved, heard) = (Instant::now(), (self.client_heard.len(), self.server_heard.len()));
            }
            // It answers the client's end, as servers do, or leaves one that waits; its last words are out by then.
            if self.server_end.is_none()
                && self.waiting.is_empty()
                && (self.tls_has_ended() || moved.elapsed() > PATIENCE)
            {
                self.server_ends(ServerEnd::CloseNotify);
            }
            thread::yield_now();
        }
        self.client_reads(1 << 20);
        self.server_reads();
    }

    fn next_octets(&mut self, n: usize) -> Vec<u8> {
        // No period of a buffer's size: a doubled or lost piece shows.
        let octets = (0..n).map(|_| {
            self.octet = self.octet.wrapping_mul(5).wrapping_add(3);
            b"\r\n.abcdef0123456"[usize::from(self.octet >> 4) % 15]
        });
        octets.collect()
    }

    fn client_writes(&mut self, n: usize) {
        let words = self.next_octets(n);
        self.client_says(&words);
    }

    fn client_says(&mut self, words: &[u8]) {
        let Some(client) = self.client.as_mut().filter(|_| !self.client_ended) else { return };
        if let Ok(n) = client.write(words) {
            self.to_server.extend(&words[..n]);
        }
    }

    fn client_reads(&mut self, n: usize) {
        let mut buffer = vec![0; n];
        if let Some(Ok(n)) = self.client.as_mut().map(|client| client.read(&mut buffer)) {
            self.client_heard.extend(&buffer[..n]);
        }
    }

    fn client_half_closes(&mut self) {
        if let Some(client) = &self.client {
            let _ = client.shutdown(Shutdown::Write);
            self.client_ended = true;
        }
    }

    fn client_closes(&mut self) {
        self.client = None;
        (self.client_ended, self.client_gone) = (true, true);
    }

    fn server_writes(&mut self, n: usize) {
        let words = self.next_octets(n);
        self.server_says(&words);
    }

    fn server_says(&mut self, words: &[u8]) {
        if self.server_end.is_some() || self.waiting.len() > 200_000 {
            return;
        }
        let n = self.tls.writer().write(words).expect("rustls takes it");
        self.to_client.extend(&words[..n]);
        self.encrypted();
    }

    fn key_update(&mut self) {
        if self.server_end.is_none() && self.tls.refresh_traffic_keys().is_ok() {
            self.encrypted();
        }
    }

    fn encrypted(&mut self) {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.waiting).expect("a Vec takes it");
        }
    }

    fn server_ends(&mut self, end: ServerEnd) {
        if self.server_end.is_some() {
            return;
        }
        self.server_end = Some(end);
        match end {
            ServerEnd::CloseNotify => {
                self.tls.send_close_notify();
                self.encrypted();
            }
            ServerEnd::Garbage => self.waiting.extend(b"\x17\x03\x03\x00\x14............................"),
            // Not encrypted, so it does not come from an owner of the keys.
            ServerEnd::Alert => self.waiting.extend(b"\x15\x03\x03\x00\x02\x02\x28"),
            ServerEnd::HalfARecord => self.waiting.extend(b"\x17\x03\x03\x00\x30half"),
            ServerEnd::Fin | ServerEnd::Closed => {}
        }
    }

    /// What goes to the server's end of the socket, in order, as far as it takes it.
    fn send_waiting(&mut self) {
        let Some(server) = self.server.as_mut() else { return };
        while !self.waiting.is_empty() {
            match server.write(&self.waiting) {
                Ok(n) => drop(self.waiting.drain(..n)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.waiting.clear(),
            }
        }
        match self.server_end {
            Some(ServerEnd::Closed) => self.server = None,
            Some(_) => drop(server.shutdown(Shutdown::Write)),
            None => {}
        }
    }

    fn server_reads(&mut self) {
        let mut raw = [0; 20_000];
        let Some(Ok(n)) = self.server.as_mut().map(|server| server.read(&mut raw)) else { return };
        let mut slice = &raw[..n];
        while !slice.is_empty() {
            if !self.tls.read_tls(&mut slice).is_ok_and(|n| n > 0) {
                return;
            }
            match self.tls.process_new_packets() {
                Ok(_) => {}
                // It answers our garbage with an alert.
                Err(rustls::Error::AlertReceived(_)) if self.broke_the_rules() => return,
                Err(error) => panic!("the server cannot read what the bridge sent: {error}"),
            }
            let mut data = [0; 20_000];
            while let Ok(n @ 1..) = self.tls.reader().read(&mut data) {
                self.server_heard.extend(&data[..n]);
            }
        }
    }

    fn broke_the_rules(&self) -> bool {
        matches!(self.server_end, Some(ServerEnd::Garbage | ServerEnd::Alert))
    }

    fn tls_has_ended(&mut self) -> bool {
        matches!(self.tls.reader().read(&mut [0; 1]), Ok(0)) || self.server_heard.len() == self.to_server.len()
    }

    /// The promises, as far as the schedule lets one tell.
    fn judge(&self, ended: &Ended, newlines: Newlines) {
        let story = format!("{ended:?} after {:?}, client gone {}", self.server_end, self.client_gone);
        let sent = match newlines {
            Newlines::AsTheyAre => self.to_server.clone(),
            Newlines::Crlf => crlf(&self.to_server),
        };
        assert!(self.to_client.starts_with(&self.client_heard), "promise 2, down: {story}");
        assert!(sent.starts_with(&self.server_heard), "promise 2, up: {story}");
        assert!(ended.down >= self.client_heard.len() as u64 && ended.up >= self.server_heard.len() as u64, "{story}");
        assert!(ended.down <= self.to_client.len() as u64 && ended.up <= sent.len() as u64, "{story}");
        let whole = self.client_heard == self.to_client || self.client_gone;
        let goodbye = self.goodbye();
        match (ended.end, self.server_end) {
            (End::CloseNotify, Some(ServerEnd::CloseNotify)) => assert!(whole, "{story}"),
            // A reply was owed, or cut; or a text was.
            (End::Truncated, Some(ServerEnd::CloseNotify)) => assert!(whole && !goodbye, "{story}"),
            // It may also notice that the client is gone before it reads the server's end.
            (End::ClientGone, _) => assert!(self.client_gone, "{story}"),
            (End::Alert | End::BadRecord, Some(ServerEnd::Garbage | ServerEnd::Alert)) => {
                assert!(whole, "what was authenticated before: {story}");
            }
            (End::Truncated, Some(ServerEnd::Fin | ServerEnd::HalfARecord)) => {
                assert!(whole && !goodbye, "what came before the end of file: {story}");
            }
            (End::Eof, Some(ServerEnd::Fin | ServerEnd::HalfARecord)) => {
                assert!(whole, "what came before the end of file: {story}");
            }
            // Closed with words unread: a reset, which may destroy what is on its way.
            (End::Truncated | End::Eof | End::Reset, Some(ServerEnd::Closed)) => {}
            // Nothing was owed to a client that has ended, or nothing came: the driver may be slower than the relay's clock.
            (End::LocalEof, _) => assert!(self.client_ended, "{story}"),
            (End::ClientTls, _) => {
                assert!(sent.starts_with(&[0x16, 3]) && self.server_heard.is_empty(), "{story}");
            }
            (_, end) => panic!("{end:?} is no end for this: {story}"),
        }
        let exits: &[Exit] = match ended.end {
            End::CloseNotify | End::Eof => &[Exit::Ok],
            End::Truncated | End::Alert | End::BadRecord => &[Exit::Protocol],
            End::Reset => &[Exit::IoError],
            // It depends on what was owed.
            End::LocalEof | End::ClientGone => &[Exit::Ok, Exit::IoError],
            End::ClientTls => &[Exit::Config],
            End::Idle | End::Terminated | End::Unauthenticated => &[],
        };
        assert!(exits.contains(&ended.exit), "{story}");
    }

    /// The server's last words are a whole 221 or 421.
    fn goodbye(&self) -> bool {
        let mut dialogue = Dialogue::new(Rules::Follow);
        dialogue.received(&self.to_client[GREETING.len()..]);
        dialogue.is_goodbye()
    }
}

fn crlf(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, octet) in data.iter().enumerate() {
        if *octet == b'\n' && at.checked_sub(1).is_none_or(|before| data[before] != b'\r') {
            out.push(b'\r');
        }
        out.push(*octet);
    }
    out
}
