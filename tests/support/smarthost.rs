//! An embedded smarthost on implicit TLS, 127.0.0.1 and a port of its own: it demands AUTH PLAIN or LOGIN before MAIL,
//! and keeps the messages that it took. One thread a connection.

#![allow(dead_code, reason = "the tests, the demo and the benches each use their part of it")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A message that the smarthost answered with 250.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who authenticated.
    pub user: String,
    pub from: String,
    pub to: Vec<String>,
    /// As it came, dots unstuffed, without the final dot.
    pub data: Vec<u8>,
}

pub struct Settings {
    /// The name in the greeting.
    pub name: String,
    pub user: String,
    pub password: String,
    /// One more line of the answer to EHLO; STARTTLS ends the session.
    pub extension: Option<&'static str>,
    /// See `in_clear`; None: TLS from the first octet.
    pub clear: Option<InClear>,
    /// Certificate and TLS versions: `Leaf::server` of ca.rs.
    pub tls: ServerConfig,
}

/// What a smarthost with STARTTLS says before TLS: greeting, replies to EHLO and to STARTTLS.
pub type InClear = [&'static str; 3];

impl Settings {
    pub fn new(tls: ServerConfig) -> Settings {
        let [name, user, password] = ["smarthost.test", "alice", "secret"].map(str::to_owned);
        Settings { name, user, password, extension: None, clear: None, tls }
    }

    /// What follows `AUTH PLAIN `.
    pub fn plain(user: &str, password: &str) -> String {
        Base64::encode_string(format!("\0{user}\0{password}").as_bytes())
    }
}

/// Ends its listener when it is dropped; sessions end by themselves.
pub struct Smarthost {
    pub addr: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<thread::JoinHandle<()>>,
}

struct Shared {
    name: String,
    user: String,
    password: String,
    extension: Option<&'static str>,
    clear: Mutex<Option<InClear>>,
    tls: Arc<ServerConfig>,
    inbox: Mutex<Vec<Message>>,
    sessions: AtomicUsize,
    logins: AtomicUsize,
    busy: AtomicBool,
    ending: AtomicBool,
}

impl Smarthost {
    /// # Errors
    /// When there is no port.
    pub fn start(settings: Settings) -> io::Result<Smarthost> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            name: settings.name,
            user: settings.user,
            password: settings.password,
            extension: settings.extension,
            clear: Mutex::new(settings.clear),
            tls: Arc::new(settings.tls),
            inbox: Mutex::default(),
            sessions: AtomicUsize::new(0),
            logins: AtomicUsize::new(0),
            busy: AtomicBool::new(false),
            ending: AtomicBool::new(false),
        });
        let theirs = Arc::clone(&shared);
        let listener = thread::spawn(move || listen(&listener, &theirs));
        Ok(Smarthost { addr, shared, listener: Some(listener) })
    }

    /// `127.0.0.1:PORT`, as HOST wants it.
    pub fn host(&self) -> String {
        self.addr.to_string()
    }

    pub fn inbox(&self) -> Vec<Message> {
        self.shared.inbox.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Connections accepted so far.
    pub fn sessions(&self) -> usize {
        self.shared.sessions.load(Ordering::SeqCst)
    }

    /// Passwords checked so far, right ones and wrong ones.
    pub fn logins(&self) -> usize {
        self.shared.logins.load(Ordering::SeqCst)
    }

    /// What it says before TLS from now on.
    pub fn in_clear(&self, replies: InClear) {
        *self.shared.clear.lock().unwrap_or_else(PoisonError::into_inner) = Some(replies);
    }

    /// From now on no password can be checked, or can be again.
    pub fn busy(&self, busy: bool) {
        self.shared.busy.store(busy, Ordering::SeqCst);
    }
}

impl Drop for Smarthost {
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.addr);
        let _ = self.listener.take().map(thread::JoinHandle::join);
    }
}

fn listen(listener: &TcpListener, shared: &Arc<Shared>) {
    for tcp in listener.incoming().flatten() {
        if shared.ending.load(Ordering::SeqCst) {
            return;
        }
        shared.sessions.fetch_add(1, Ordering::SeqCst);
        let shared = Arc::clone(shared);
        // An error is the client's to report; a smarthost goes on.
        thread::spawn(move || Session::serve(tcp, &shared));
    }
}

struct Session<'a> {
    shared: &'a Shared,
    stream: BufReader<StreamOwned<ServerConnection, TcpStream>>,
    user: Option<String>,
    from: Option<String>,
    to: Vec<String>,
}

impl Session<'_> {
    fn serve(mut tcp: TcpStream, shared: &Shared) -> io::Result<()> {
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(Duration::from_secs(120)))?;
        let clear = *shared.clear.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some([greeting, offers, ready]) = clear {
            tcp.write_all(greeting.as_bytes())?;
            for reply in [offers, ready] {
                let mut octet = [0];
                while octet != *b"\n" {
                    tcp.read_exact(&mut octet)?;
                }
                tcp.write_all(reply.as_bytes())?;
            }
        }
        let tls = ServerConnection::new(Arc::clone(&shared.tls)).map_err(io::Error::other)?;
        let stream = BufReader::new(StreamOwned::new(tls, tcp));
        let mut session = Session { shared, stream, user: None, from: None, to: Vec::new() };
        if clear.is_none() {
            session.reply(&format!("220 {} ESMTP smarthost, AUTH required", shared.name))?;
        }
        while let Some(line) = session.line()? {
            if session.command(&line)? == Next::Close {
                break;
            }
        }
        let stream = session.stream.get_mut();
        stream.conn.send_close_notify();
        stream.flush()?;
        stream.sock.shutdown(Shutdown::Write)?;
        // Closing with unread input would send RST, which may destroy the last reply.
        io::copy(&mut stream.sock, &mut io::sink()).map(drop)
    }

    fn command(&mut self, line: &str) -> io::Result<Next> {
        let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => {
                let name = self.shared.name.clone();
                let more = self.shared.extension.map(|line| format!("250-{line}\r\n")).unwrap_or_default();
                self.reply(&format!("250-{name}\r\n{more}250-8BITMIME\r\n250-PIPELINING\r\n250 AUTH PLAIN LOGIN"))
            }
            "HELO" => self.reply(&format!("250 {}", self.shared.name.clone())),
            "AUTH" => self.authenticate(argument),
            "NOOP" => self.reply("250 2.0.0 Ok"),
            "RSET" => {
                (self.from, self.to) = (None, Vec::new());
                self.reply("250 2.0.0 Ok")
            }
            "STARTTLS" => return Ok(Next::Close),
            "QUIT" => {
                self.reply("221 2.0.0 Bye")?;
                return Ok(Next::Close);
            }
            "MAIL" | "RCPT" | "DATA" if self.user.is_none() => self.reply("530 5.7.0 Authentication required"),
            "MAIL" => {
                self.from = Some(path(argument));
                self.reply("250 2.1.0 Ok")
            }
            "RCPT" if self.from.is_some() => {
                self.to.push(path(argument));
                self.reply("250 2.1.5 Ok")
            }
            "DATA" if !self.to.is_empty() => self.data(),
            "RCPT" | "DATA" => self.reply("503 5.5.1 Bad sequence of commands"),
            _ => self.reply("502 5.5.2 Command not recognized"),
        }?;
        Ok(Next::Command)
    }

    fn authenticate(&mut self, argument: &str) -> io::Result<()> {
        let (mechanism, initial) = argument.split_once(' ').unwrap_or((argument, ""));
        let given = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => {
                let response = self.response(initial, "")?;
                let mut parts = response.split('\0').skip(1).map(str::to_owned);
                parts.next().zip(parts.next())
            }
            "LOGIN" => Some((self.response(initial, "Username:")?, self.response("", "Password:")?)),
            _ => return self.reply("504 5.5.4 Unrecognized authentication type"),
        };
        self.shared.logins.fetch_add(1, Ordering::SeqCst);
        if self.shared.busy.load(Ordering::SeqCst) {
            return self.reply("454 4.7.0 Temporary authentication failure");
        }
        if given == Some((self.shared.user.clone(), self.shared.password.clone())) {
            self.user = given.map(|(user, _)| user);
            self.reply("235 2.7.0 Authentication successful")
        } else {
            self.reply("535 5.7.8 Authentication credentials invalid")
        }
    }

    /// The client's answer to a challenge, or what it sent with the command.
    fn response(&mut self, initial: &str, challenge: &str) -> io::Result<String> {
        let encoded = if initial.is_empty() {
            self.reply(format!("334 {}", Base64::encode_string(challenge.as_bytes())).as_str())?;
            self.line()?.unwrap_or_default()
        } else {
            initial.to_owned()
        };
        let decoded = Base64::decode_vec(&encoded).unwrap_or_default();
        Ok(String::from_utf8_lossy(&decoded).into_owned())
    }

    fn data(&mut self) -> io::Result<()> {
        self.reply("354 End data with <CR><LF>.<CR><LF>")?;
        let mut data = Vec::new();
        loop {
            let start = data.len();
            if self.stream.read_until(b'\n', &mut data)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match data.get(start..) {
                Some(b".\r\n") => {
                    data.truncate(start);
                    break;
                }
                Some([b'.', ..]) => {
                    data.remove(start);
                }
                _ => {}
            }
        }
        let message = Message {
            user: self.user.clone().unwrap_or_default(),
            from: self.from.take().unwrap_or_default(),
            to: std::mem::take(&mut self.to),
            data,
        };
        self.shared.inbox.lock().unwrap_or_else(PoisonError::into_inner).push(message);
        self.reply("250 2.0.0 Ok: queued")
    }

    /// The next line without its end; None at the end of the session.
    fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        // RFC 5321 section 4.5.3.1.4 allows 512 octets; AUTH may be longer.
        if self.stream.by_ref().take(64 * 1024).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()))
    }

    fn reply(&mut self, reply: &str) -> io::Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(format!("{reply}\r\n").as_bytes())?;
        stream.flush()
    }
}

#[derive(PartialEq, Eq)]
enum Next {
    Command,
    Close,
}

/// `a@b` of `FROM:<a@b> SIZE=7`.
fn path(argument: &str) -> String {
    let path = argument.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    path.map_or(argument, |(path, _)| path).to_owned()
}
