//! Ciphertext on its way between the socket and rustls.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::os::fd::AsRawFd;

use nix::sys::socket::{recv, send, MsgFlags};
use rustls::{ClientConnection, InvalidMessage};

use crate::buffer::Buffer;
use crate::socket::at_once;

/// Four TLS records (RFC 8446 section 5.2: 2^14 octets and 256 of overhead, 5 of header): what one read(2) may bring.
const RAW: usize = 4 * (16_384 + 256 + 5);

/// Ciphertext between the socket and rustls.
pub struct Raw {
    buffer: Buffer,
    start: usize,
    end: usize,
}

impl Raw {
    pub fn new() -> Raw {
        Raw { buffer: Buffer::new(RAW), start: 0, end: 0 }
    }

    pub fn filled(&self) -> &[u8] {
        self.buffer.part(self.start, self.end)
    }

    pub fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// The whole buffer, to read into; what was in it is used up.
    pub fn space(&mut self) -> &mut [u8] {
        self.start = 0;
        self.end = 0;
        self.buffer.space()
    }

    /// A read brought `n` octets.
    pub fn fill(&mut self, n: usize) {
        self.end = self.buffer.filled(n).len();
    }

    /// Hands rustls what fits (it takes 4 KiB at a time) and lets it work. After close_notify it takes nothing more,
    /// and what follows is dropped.
    pub fn feed(&mut self, conn: &mut ClientConnection) -> Result<(), rustls::Error> {
        match conn.read_tls(&mut self.filled()) {
            Ok(0) => self.start = self.end,
            Ok(n) => self.start += n,
            // The buffer in which rustls joins the pieces of a message is full, and the message not whole.
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                return Err(InvalidMessage::HandshakePayloadTooLarge.into())
            }
            Err(error) => return Err(rustls::Error::General(error.to_string())),
        }
        conn.process_new_packets().map(|_| ())
    }
}

/// None: nothing there after all.
pub fn receive_now(stream: &TcpStream, raw: &mut Raw) -> io::Result<Option<usize>> {
    match recv(stream.as_raw_fd(), raw.space(), MsgFlags::MSG_DONTWAIT).map_err(io::Error::from) {
        Ok(n) => {
            raw.fill(n);
            Ok(Some(n))
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error),
    }
}

pub fn send_now(stream: &TcpStream, data: &[u8]) -> io::Result<usize> {
    match send(stream.as_raw_fd(), data, at_once()).map_err(io::Error::from) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
        other => other,
    }
}
