//! The smarthost's end of the socket: rustls in proper use, and everything else that can come out of it.

use std::io::{Cursor, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection};

/// What in the stream ends the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Notify,
    Alert,
    NoTls,
}

pub struct Server {
    pub stream: Option<UnixStream>,
    tls: ServerConnection,
    /// Ciphertext that the socket has not taken yet.
    out: Vec<u8>,
    /// Octets of ciphertext that it has taken.
    written: usize,
    /// Behind each record: octets of ciphertext, octets of plaintext.
    records: Vec<(usize, usize)>,
    /// Where each begins and ends.
    endings: Vec<(usize, usize, Ending)>,
    pub said: Vec<u8>,
    pub got: Vec<u8>,
    pub finished: bool,
    /// Before it read the end. With unread octets the other side gets a reset.
    pub closed: bool,
    /// After that.
    pub answered: bool,
    /// Ciphertext of the bridge, less than a record.
    heard: Vec<u8>,
    /// Its own TLS is dead: it only looks for the end.
    deaf: bool,
    pub was_notified: bool,
    pub read_the_end: bool,
    pub fault: Option<rustls::Error>,
}

impl Server {
    pub fn new(stream: UnixStream, config: Arc<ServerConfig>) -> Server {
        stream.set_nonblocking(true).expect("O_NONBLOCK");
        let mut tls = ServerConnection::new(config).expect("a server");
        tls.set_buffer_limit(None);
        Server {
            stream: Some(stream),
            tls,
            out: Vec::new(),
            written: 0,
            records: Vec::new(),
            endings: Vec::new(),
            said: Vec::new(),
            got: Vec::new(),
            finished: false,
            closed: false,
            answered: false,
            heard: Vec::new(),
            deaf: false,
            was_notified: false,
            read_the_end: false,
            fault: None,
        }
    }

    pub fn is_shaking_hands(&self) -> bool {
        self.tls.is_handshaking() && self.fault.is_none() && !self.read_the_end && self.stream.is_some()
    }

    /// Changes what is about to go out: octet `at` of the whole stream.
    pub fn bend(&mut self, at: usize, bits: u8) {
        if let Some(octet) = at.checked_sub(self.written).and_then(|at| self.out.get_mut(at)) {
            *octet ^= bits;
        }
    }

    pub fn wants_to_write(&self) -> bool {
        !self.out.is_empty() && self.speaks()
    }

    fn speaks(&self) -> bool {
        self.stream.is_some() && !self.finished
    }

    /// It has said something that ends the session.
    pub fn has_ended(&self) -> bool {
        !self.endings.is_empty()
    }

    /// Octets that have been said and will still be sent.
    pub fn pending(&self) -> usize {
        self.out.len()
    }

    /// One record of application data each.
    pub fn say(&mut self, data: &[u8]) {
        if !self.speaks() || self.tls.is_handshaking() || !self.endings.is_empty() {
            return;
        }
        for part in data.chunks(16_384) {
            self.tls.writer().write_all(part).expect("no limit");
            self.seal();
            self.said.extend_from_slice(part);
            self.records.push((self.end(), self.said.len()));
        }
    }

    pub fn update_keys(&mut self) {
        if self.speaks() && self.tls.refresh_traffic_keys().is_ok() {
            self.seal();
        }
    }

    pub fn notify(&mut self) {
        if self.speaks() {
            let begin = self.end();
            self.tls.send_close_notify();
            self.seal();
            self.endings.push((begin, self.end(), Ending::Notify));
        }
    }

    /// Makes rustls believe that we sent nonsense.
    pub fn alert(&mut self) {
        if !self.speaks() || self.deaf || self.tls.is_handshaking() {
            return;
        }
        self.seal();
        let begin = self.end();
        for _ in 0..20 {
            let taken = self.tls.read_tls(&mut Cursor::new([0x99; 1024]));
            if self.tls.process_new_packets().is_err() || taken.is_ok_and(|n| n == 0) {
                break;
            }
        }
        self.deaf = true;
        self.seal();
        if self.end() > begin {
            self.endings.push((begin, self.end(), Ending::Alert));
        }
    }

    pub fn no_tls(&mut self, data: &[u8]) {
        if self.speaks() {
            let begin = self.end();
            self.out.extend_from_slice(data);
            self.endings.push((begin, self.end(), Ending::NoTls));
        }
    }

    /// Octets as they are, before any TLS.
    pub fn raw(&mut self, data: &[u8]) {
        self.out.extend_from_slice(data);
        self.deaf = true;
    }

    pub fn finish(&mut self) {
        if let (Some(stream), false) = (&self.stream, self.finished) {
            let _ = stream.shutdown(Shutdown::Write);
            self.finished = true;
        }
    }

    pub fn close(&mut self) {
        let open = self.stream.take().is_some();
        self.closed |= open && !self.read_the_end;
        self.answered |= open && self.read_the_end;
    }

    /// It read all that there was, without an error of TLS.
    pub fn heard_all(&self) -> bool {
        self.read_the_end && !self.closed && !self.deaf
    }

    /// Sends what waits, all but the last `keep` octets, as far as the socket takes it.
    pub fn flush(&mut self, keep: usize) {
        self.seal();
        while let (Some(mut stream), true) = (self.stream.as_ref(), self.speaks()) {
            let wanted = self.out.len().saturating_sub(keep);
            match stream.write(&self.out[..wanted]) {
                Ok(0) => return,
                Ok(n) => {
                    self.out.drain(..n);
                    self.written += n;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // The bridge is gone.
                Err(_) => return self.out.clear(),
            }
        }
    }

    pub fn read(&mut self) {
        let mut buffer = [0; 16_384];
        while let (Some(mut stream), false) = (self.stream.as_ref(), self.read_the_end) {
            match stream.read(&mut buffer) {
                Ok(0) => self.read_the_end = true,
                Ok(n) => self.hear(&buffer[..n]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.read_the_end = true,
            }
        }
    }

    /// Record by record: behind close_notify there must be none (RFC 8446 section 6.1), and rustls would not tell.
    fn hear(&mut self, data: &[u8]) {
        self.heard.extend_from_slice(data);
        while let (Some(record), false) = (whole_record(&self.heard), self.deaf) {
            assert!(!self.was_notified, "{record} octets behind the bridge's close_notify");
            let mut octets = &self.heard[..record];
            while !octets.is_empty() {
                self.tls.read_tls(&mut octets).expect("there is room for a record");
                match self.tls.process_new_packets() {
                    Ok(state) => {
                        self.was_notified |= state.peer_has_closed();
                        let start = self.got.len();
                        self.got.resize(start + state.plaintext_bytes_to_read(), 0);
                        self.tls.reader().read_exact(&mut self.got[start..]).expect("what there is");
                    }
                    Err(error) => {
                        (self.fault, self.deaf) = (Some(error), true);
                        break;
                    }
                }
            }
            self.heard.drain(..record);
        }
    }

    /// Plaintext that has reached the bridge before anything ended it; and how it was ended.
    pub fn authenticated(&self) -> (&[u8], Option<Ending>, bool) {
        let mut until = self.written;
        let mut ending = None;
        let mut perhaps = false;
        if let Some((begin, end, what)) = self.endings.first() {
            until = until.min(*begin);
            ending = (self.written >= *end).then_some(*what);
            // A broken record may be seen by its head.
            perhaps = ending.is_none() && self.written > *begin && *what == Ending::NoTls;
        }
        let plain = self.records.iter().rev().find(|(end, _)| *end <= until).map_or(0, |(_, plain)| *plain);
        (&self.said[..plain], ending, perhaps)
    }

    fn seal(&mut self) {
        while self.tls.wants_write() && self.tls.write_tls(&mut self.out).is_ok_and(|n| n > 0) {}
    }

    fn end(&self) -> usize {
        self.written + self.out.len()
    }
}

/// The length of the first record, if all of it is there (RFC 8446 section 5.1).
fn whole_record(data: &[u8]) -> Option<usize> {
    let length = 5 + usize::from(u16::from_be_bytes([*data.get(3)?, *data.get(4)?]));
    (data.len() >= length).then_some(length)
}
