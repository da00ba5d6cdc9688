//! One program with one client, as inetd starts it: one socket as descriptors 0 and 1.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{getrusage, Usage, UsageWho};
use nix::sys::time::TimeValLike;

use crate::programs::{Program, Target};
use crate::server::{self, PIECE};

/// Longer than any answer takes; a program that is slower has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// What has not come by then in the middle of a download is held back.
const SILENCE: Duration = Duration::from_secs(2);

/// How long a program may live after its client has closed.
const LAST_SECONDS: Duration = Duration::from_secs(5);

/// What clients say in a short session, and the code that they wait for.
const DIALOGUE: [(&str, &str); 5] = [
    ("EHLO client.test\r\n", "250"),
    ("MAIL FROM:<me@client.test>\r\n", "250"),
    ("RCPT TO:<you@example.com>\r\n", "250"),
    ("DATA\r\n", "354"),
    ("From: me@client.test\r\nSubject: hello\r\n\r\nIt works.\r\n.\r\n", "250"),
];

/// The client's end of a session.
pub struct Client {
    stream: BufReader<TcpStream>,
}

pub struct Session {
    pub client: Client,
    child: Child,
    started: Instant,
    before: Usage,
}

/// What a process and its threads used, from its start to its end.
pub struct Cost {
    pub cpu_ms: f64,
    pub page_faults: f64,
}

impl Session {
    pub fn start(program: &Program, target: &Target) -> io::Result<Session> {
        Session::start_as(program.command(target)?)
    }

    pub fn start_as(mut command: std::process::Command) -> io::Result<Session> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let client = Client::connect(listener.local_addr()?.port())?;
        let (theirs, _) = listener.accept()?;
        command.stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs.try_clone()?)));
        command.stdout(Stdio::from(std::os::fd::OwnedFd::from(theirs)));
        let (before, started) = (getrusage(UsageWho::RUSAGE_CHILDREN)?, Instant::now());
        let child = command.spawn()?;
        // The command holds the program's end open.
        drop(command);
        Ok(Session { client, child, started, before })
    }

    /// Milliseconds from the start of the program to the end of the greeting.
    pub fn greeting(&mut self) -> io::Result<f64> {
        self.client.reply("220")?;
        Ok(self.started.elapsed().as_secs_f64() * 1000.0)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Closes, and waits. The kernel adds a child's times, in nanoseconds and with those of all its threads, to
    /// RUSAGE_CHILDREN when it is waited for; one session at a time, the difference is its own.
    pub fn end(mut self) -> io::Result<Cost> {
        self.client.stream.get_ref().shutdown(Shutdown::Both)?;
        wait(&mut self.child)?;
        let after = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let cpu = |usage: &Usage| (usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1000.0;
        let faults = (after.minor_page_faults() - self.before.minor_page_faults()) as f64;
        Ok(Cost { cpu_ms: cpu(&after) - cpu(&self.before), page_faults: faults })
    }
}

/// A session that failed leaves no process behind to disturb the next.
impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Client {
    pub fn connect(port: u16) -> io::Result<Client> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Client { stream: BufReader::with_capacity(PIECE, stream) })
    }

    /// A short mail, up to the answer to its final dot.
    pub fn mail(&mut self) -> io::Result<()> {
        DIALOGUE.iter().try_for_each(|(command, code)| self.command(command, code))
    }

    /// As a client does that has never heard of TCP_NODELAY.
    pub fn delaying(&mut self) -> io::Result<()> {
        self.stream.get_ref().set_nodelay(false)
    }

    /// Milliseconds from the last octet of a command to that of its reply.
    pub fn latency(&mut self, command: &str, code: &str) -> io::Result<f64> {
        let started = Instant::now();
        self.command(command, code)?;
        Ok(started.elapsed().as_secs_f64() * 1000.0)
    }

    /// A message whose text and final dot are two writes: milliseconds from the first one to the reply.
    pub fn text_and_dot(&mut self) -> io::Result<f64> {
        self.command("DATA\r\n", "354")?;
        let started = Instant::now();
        self.stream.get_mut().write_all(b"From: me@client.test\r\nSubject: hello\r\n\r\nIt works.\r\n")?;
        self.stream.get_mut().write_all(b".\r\n")?;
        self.reply("250")?;
        Ok(started.elapsed().as_secs_f64() * 1000.0)
    }

    pub fn quit(&mut self) -> io::Result<()> {
        self.command("QUIT\r\n", "221")
    }

    /// The octets that went, and the seconds until they were taken.
    pub fn up(&mut self, octets: u64) -> io::Result<(u64, f64)> {
        self.command(&format!("XUP {octets}\r\n"), "354")?;
        let started = Instant::now();
        server::send(self.stream.get_mut(), octets)?;
        self.reply("250")?;
        Ok((octets, started.elapsed().as_secs_f64()))
    }

    /// The octets that came, and the seconds until the last of them: ncat keeps the end to itself until more comes.
    pub fn down(&mut self, octets: u64) -> io::Result<(u64, f64)> {
        self.command(&format!("XDOWN {octets}\r\n"), "250")?;
        self.stream.get_ref().set_read_timeout(Some(SILENCE))?;
        let (started, mut last, mut got) = (Instant::now(), Duration::ZERO, 0);
        while got < octets {
            match server::take_some(&mut self.stream, octets - got) {
                Ok(n) => (got, last) = (got + n, started.elapsed()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.stream.get_ref().set_read_timeout(Some(PATIENCE))?;
        Ok((got, last.as_secs_f64()))
    }

    pub fn command(&mut self, command: &str, code: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(command.as_bytes())?;
        self.reply(code)
    }

    /// The whole of a reply. Lines that are none are a program's own chatter.
    pub fn reply(&mut self, code: &str) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            if self.stream.read_until(b'\n', &mut line)? == 0 {
                return Err(io::Error::other(format!("the end instead of {code}")));
            }
            match line.split_first_chunk::<4>() {
                Some(([a, b, c, b' '], _)) if [*a, *b, *c] == code.as_bytes() => return Ok(()),
                Some(([b'2' | b'3' | b'4' | b'5', b'0'..=b'9', b'0'..=b'9', b' '], _)) => {
                    let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                    return Err(io::Error::other(format!("{line:?} instead of {code}")));
                }
                _ => {}
            }
        }
    }
}

/// Until it ends; one that does not, although its client is gone, is killed, and that is said.
pub fn wait(child: &mut Child) -> io::Result<()> {
    let deadline = Instant::now() + LAST_SECONDS;
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::other("still there 5 s after its client had closed"));
        }
        thread::sleep(Duration::from_micros(200));
    }
    Ok(())
}
