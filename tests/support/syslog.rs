//! A fake syslogd on a path in the test's own directory, and the ways in which a syslogd can fail.

use std::io::{BufRead, BufReader};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::dir::Dir;
use super::limit::until;

pub struct Syslog {
    pub path: PathBuf,
    lines: Arc<Mutex<Vec<String>>>,
    kept: Kept,
}

/// What must stay open for the socket to be what it is.
enum Kept {
    Nothing,
    Reader(thread::JoinHandle<()>),
    /// Bound, and never read from.
    Datagram {
        _socket: UnixDatagram,
    },
    Stream {
        _socket: UnixListener,
        _backlog: Vec<std::os::unix::net::UnixStream>,
    },
}

impl Syslog {
    /// As every syslogd on Linux: datagrams, read as they come.
    pub fn datagram(dir: &Dir) -> Syslog {
        let path = dir.path("log");
        let _ = std::fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).expect("a datagram socket");
        dir.mode("log", 0o666);
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a read timeout");
        let lines = Arc::new(Mutex::default());
        let weak = Arc::downgrade(&lines);
        let reader = thread::spawn(move || {
            let mut packet = vec![0; 64 * 1024];
            // Ends when no one is left to look at the lines.
            while let Some(lines) = weak.upgrade() {
                if let Ok(n) = socket.recv(&mut packet) {
                    push(&lines, &packet[..n]);
                }
            }
        });
        Syslog { path, lines, kept: Kept::Reader(reader) }
    }

    /// A stream socket, as some old ones have.
    pub fn stream(dir: &Dir) -> Syslog {
        let path = dir.path("log");
        let socket = UnixListener::bind(&path).expect("a stream socket");
        dir.mode("log", 0o666);
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let weak = Arc::downgrade(&lines);
        thread::spawn(move || {
            for stream in socket.incoming().flatten() {
                let Some(lines) = weak.upgrade() else { return };
                let mut stream = BufReader::new(stream);
                let mut line = Vec::new();
                // A NUL or a line feed ends a message, or the end does.
                while stream.read_until(0, &mut line).is_ok_and(|n| n > 0) {
                    push(&lines, &line);
                    line.clear();
                }
            }
        });
        Syslog { path, lines, kept: Kept::Nothing }
    }

    /// A datagram socket whose queue is full and that no one reads.
    pub fn full(dir: &Dir) -> Syslog {
        let path = dir.path("log");
        let socket = UnixDatagram::bind(&path).expect("a datagram socket");
        dir.mode("log", 0o666);
        // Until a sender that has sent nothing yet is refused: then it is the queue that is full, not a send buffer.
        let full = || {
            let filler = UnixDatagram::unbound().expect("a datagram socket");
            filler.set_nonblocking(true).expect("O_NONBLOCK");
            let sent =
                std::iter::repeat_with(|| filler.send_to(b"<22>filler", &path)).take_while(Result::is_ok).count();
            sent == 0
        };
        while !full() {}
        Syslog { path, lines: Arc::default(), kept: Kept::Datagram { _socket: socket } }
    }

    /// A stream socket whose backlog is full and from which no one accepts: a connect would block.
    pub fn full_stream(dir: &Dir) -> Syslog {
        use socket2::{Domain, SockAddr, Socket, Type};

        let path = dir.path("log");
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
        let addr = SockAddr::unix(&path).expect("a path");
        listener.bind(&addr).expect("a stream socket");
        listener.listen(0).expect("listening");
        dir.mode("log", 0o666);
        let mut backlog = Vec::new();
        loop {
            let filler = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
            filler.set_nonblocking(true).expect("O_NONBLOCK");
            if filler.connect(&addr).is_err() {
                break;
            }
            backlog.push(filler.into());
        }
        Syslog { path, lines: Arc::default(), kept: Kept::Stream { _socket: listener.into(), _backlog: backlog } }
    }

    /// A socket whose syslogd is gone.
    pub fn stale(dir: &Dir) -> PathBuf {
        let path = dir.path("log");
        drop(UnixDatagram::bind(&path).expect("a datagram socket"));
        dir.mode("log", 0o666);
        path
    }

    /// syslogd ends: its socket is closed when this returns, and its path gone.
    pub fn stop(self) {
        drop(self.lines);
        if let Kept::Reader(reader) = self.kept {
            reader.join().expect("the fake syslogd");
        }
        std::fs::remove_file(self.path).expect("the socket's path");
    }

    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first line that contains `text`, as soon as it is there.
    #[track_caller]
    pub fn line(&self, text: &str) -> String {
        let find = || self.lines().into_iter().find(|line| line.contains(text));
        until(Duration::from_secs(10), &format!("syslog has a line with {text:?}; it has {:?}", self.lines()), || {
            find().is_some()
        });
        find().unwrap_or_default()
    }
}

fn push(lines: &Mutex<Vec<String>>, packet: &[u8]) {
    lines.lock().unwrap_or_else(PoisonError::into_inner).push(String::from_utf8_lossy(packet).into_owned());
}

/// A path in the test's directory with nothing there.
pub fn absent(dir: &Dir) -> PathBuf {
    Path::new(&dir.path("log")).to_owned()
}
