//! A scriptable TLS server: a closure with the connection's machinery in hand decides every segment and every end.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::{version, ServerConfig, ServerConnection, SupportedProtocolVersion};
use socket2::SockRef;

use super::ca::Leaf;

/// No read of a script takes longer: a script that waits for what never comes fails with a sentence, in time.
const PATIENCE: Duration = Duration::from_secs(25);

pub const TLS_1_2: &[&SupportedProtocolVersion] = &[&version::TLS12];
pub const TLS_1_3: &[&SupportedProtocolVersion] = &[&version::TLS13];

/// What serves one test; `done` hands the script's panic, if any, to the test.
pub struct Peer<T = ()> {
    pub addr: SocketAddr,
    thread: JoinHandle<T>,
}

impl<T: Send + 'static> Peer<T> {
    /// Accepts one connection, ends its handshake, and hands it to `script`.
    pub fn start(leaf: &Leaf, script: impl FnOnce(Link) -> T + Send + 'static) -> Peer<T> {
        Peer::with(leaf.server(rustls::ALL_VERSIONS), script)
    }

    pub fn with(tls: ServerConfig, script: impl FnOnce(Link) -> T + Send + 'static) -> Peer<T> {
        Peer::before_handshake(tls, |mut link| {
            link.handshake();
            script(link)
        })
    }

    /// As `with`, without a byte read or written.
    pub fn before_handshake(tls: ServerConfig, script: impl FnOnce(Link) -> T + Send + 'static) -> Peer<T> {
        Peer::tcp(move |tcp| script(Link::new(tcp, &Arc::new(tls))))
    }

    /// Accepts one connection and knows nothing of TLS.
    pub fn tcp(script: impl FnOnce(TcpStream) -> T + Send + 'static) -> Peer<T> {
        Peer::listener(move |listener| script(accept(listener)))
    }

    /// For a script with several connections, or with none: see `accept`.
    pub fn listener(script: impl FnOnce(&TcpListener) -> T + Send + 'static) -> Peer<T> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let addr = listener.local_addr().expect("the port's number");
        Peer { addr, thread: thread::spawn(move || script(&listener)) }
    }

    /// Waits for the script's end.
    pub fn done(self) -> T {
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// `127.0.0.1:PORT`, as HOST wants it. No server name is sent to an address.
    pub fn host(&self) -> String {
        self.addr.to_string()
    }

    /// `localhost:PORT`: the same with a server name.
    pub fn name(&self) -> String {
        format!("localhost:{}", self.addr.port())
    }
}

/// The next connection.
pub fn accept(listener: &TcpListener) -> TcpStream {
    let (tcp, _) = listener.accept().expect("a connection");
    tcp.set_nodelay(true).expect("TCP_NODELAY");
    tcp.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
    tcp
}

/// An address of this machine on which no one listens.
pub fn nobody_listens() -> SocketAddr {
    // Bound and dropped: the kernel hands out other ports before it comes back to this one.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("the port's number")
}

/// One connection: TLS machinery and socket apart, so that a script decides what goes into which segment.
pub struct Link {
    pub tls: ServerConnection,
    pub tcp: TcpStream,
}

impl Link {
    pub fn new(tcp: TcpStream, tls: &Arc<ServerConfig>) -> Link {
        Link { tls: ServerConnection::new(Arc::clone(tls)).expect("a TLS server"), tcp }
    }

    /// To its end, session tickets of TLS 1.3 included.
    pub fn handshake(&mut self) {
        self.try_handshake().expect("a handshake");
    }

    pub fn try_handshake(&mut self) -> io::Result<()> {
        while self.tls.is_handshaking() {
            let flight = self.pending();
            self.tcp.write_all(&flight)?;
            if self.tls.is_handshaking() && !self.feed()? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        let flight = self.pending();
        self.tcp.write_all(&flight)
    }

    /// What TLS wants to send, taken out of it: nothing has gone to the socket.
    pub fn pending(&mut self) -> Vec<u8> {
        let mut records = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut records).expect("writing into memory");
        }
        records
    }

    /// `data` as records, taken out of TLS, with whatever waited before it.
    pub fn records(&mut self, data: &[u8]) -> Vec<u8> {
        self.tls.set_buffer_limit(None);
        self.tls.writer().write_all(data).expect("writing into memory");
        self.pending()
    }

    pub fn send(&mut self, data: &[u8]) {
        self.try_send(data).expect("sending");
    }

    pub fn try_send(&mut self, data: &[u8]) -> io::Result<()> {
        // In pieces: a large answer needs no copy of itself in memory.
        for piece in data.chunks(64 * 1024) {
            let records = self.records(piece);
            self.tcp.write_all(&records)?;
        }
        Ok(())
    }

    /// Bytes that are not a record of this connection.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.tcp.write_all(bytes).expect("sending");
    }

    /// The alert, taken out of TLS.
    pub fn close_notify_record(&mut self) -> Vec<u8> {
        self.tls.send_close_notify();
        self.pending()
    }

    pub fn close_notify(&mut self) {
        let alert = self.close_notify_record();
        self.raw(&alert);
    }

    pub fn fin(&mut self) {
        self.tcp.shutdown(Shutdown::Write).expect("FIN");
    }

    /// Ends the connection by RST.
    pub fn reset(self) {
        reset(self.tcp);
    }

    /// A KeyUpdate that asks for one in return.
    pub fn update_key(&mut self) {
        self.tls.refresh_traffic_keys().expect("TLS 1.3");
        let record = self.pending();
        self.raw(&record);
    }

    /// One read of the socket into TLS: false at the client's FIN.
    pub fn feed(&mut self) -> io::Result<bool> {
        if self.tls.read_tls(&mut self.tcp)? == 0 {
            return Ok(false);
        }
        self.tls.process_new_packets().map(|_| true).map_err(io::Error::other)
    }

    /// Some bytes of the client; how it ended when there are none left.
    #[track_caller]
    pub fn receive(&mut self, buffer: &mut [u8]) -> Received {
        loop {
            match self.tls.reader().read(buffer) {
                Ok(0) => return Received::CloseNotify,
                Ok(n) => return Received::Data(n),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Received::Truncated,
                Err(error) => panic!("reading from TLS: {error}"),
            }
            match self.feed() {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Received::Reset,
                Err(error) => panic!("the script waited for the bridge: {error}"),
            }
        }
    }

    /// Exactly `n` bytes.
    #[track_caller]
    pub fn take(&mut self, n: usize) -> Vec<u8> {
        let mut data = vec![0; n];
        let mut have = 0;
        while have < n {
            match self.receive(&mut data[have..]) {
                Received::Data(some) => have += some,
                end => panic!("{end:?} after {have} of {n} bytes"),
            }
        }
        data
    }

    /// Up to and with the next LF.
    #[track_caller]
    pub fn line(&mut self) -> String {
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            line.extend(self.take(1));
        }
        String::from_utf8_lossy(&line).into_owned()
    }

    pub fn say(&mut self, text: &str) {
        self.send(text.as_bytes());
    }

    /// The client's next octets are these.
    #[track_caller]
    pub fn expect(&mut self, text: &str) {
        let heard = self.take(text.len());
        assert_eq!(String::from_utf8_lossy(&heard), text);
    }

    /// The client says nothing for this long, and does not end.
    #[track_caller]
    pub fn expect_silence(&mut self, time: Duration) {
        let heard = self.tls.process_new_packets().expect("TLS in order").plaintext_bytes_to_read();
        assert_eq!(heard, 0, "the client said more already");
        self.patience(time);
        match self.feed() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            other => panic!("the client spoke or ended (true, false), and neither was due: {other:?}"),
        }
        self.patience(PATIENCE);
    }

    /// No read waits longer from here on.
    pub fn patience(&mut self, time: Duration) {
        self.tcp.set_read_timeout(Some(time)).expect("a read timeout");
    }

    /// The client's clean end, and not a word before it: close_notify, FIN.
    #[track_caller]
    pub fn expect_end(&mut self) {
        let (rest, end) = self.rest();
        assert_eq!((&*String::from_utf8_lossy(&rest), end), ("", Received::CloseNotify));
        assert_eq!(self.tcp.read(&mut [0]).expect("FIN behind close_notify, and no RST"), 0);
    }

    /// Everything up to the client's end, and how it ended.
    #[track_caller]
    pub fn rest(&mut self) -> (Vec<u8>, Received) {
        let (mut data, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
        loop {
            match self.receive(&mut buffer) {
                Received::Data(n) => data.extend(&buffer[..n]),
                end => return (data, end),
            }
        }
    }

    /// Waits for the client's FIN (or RST) on the socket, TLS or not.
    pub fn until_closed(&mut self) {
        let mut waste = [0; 4096];
        while self.tcp.read(&mut waste).is_ok_and(|n| n > 0) {}
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    Data(usize),
    CloseNotify,
    /// FIN without close_notify.
    Truncated,
    Reset,
}

/// Ends a connection by RST instead of FIN.
pub fn reset(tcp: TcpStream) {
    SockRef::from(&tcp).set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
}
