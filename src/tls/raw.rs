//! Ciphertext on its way between the socket and rustls.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{recv, send, MsgFlags};
use rustls::{ClientConnection, InvalidMessage};

use crate::buffer::Buffer;
use crate::socket::{acknowledge, at_once};

/// Four TLS records (RFC 8446 section 5.2: 2^14 octets and 256 of overhead, 5 of header): what one read(2) may bring.
const RAW: usize = 4 * (16_384 + 256 + 5);

/// A read of fewer octets may be the last for a while: its acknowledgement must not wait for more.
const SHORT: usize = 4096;

/// Ciphertext between the socket and rustls. Read more only when it is empty.
pub struct Raw {
    buffer: Buffer,
}

impl Raw {
    pub fn new() -> Raw {
        Raw { buffer: Buffer::new(RAW) }
    }

    pub fn filled(&self) -> &[u8] {
        self.buffer.filled()
    }

    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// One read; None: nothing there after all.
    pub fn read(&mut self, stream: &TcpStream, flags: MsgFlags) -> io::Result<Option<usize>> {
        let n = match recv(stream.as_raw_fd(), self.buffer.space(), flags) {
            Ok(n) => n,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        self.buffer.fill(n);
        if (1..SHORT).contains(&n) {
            acknowledge(stream);
        }
        Ok(Some(n))
    }

    /// Hands rustls what fits (it takes 4 KiB at a time) and lets it work. After close_notify it takes nothing more,
    /// and what follows is dropped.
    pub fn feed(&mut self, conn: &mut ClientConnection) -> Result<(), rustls::Error> {
        match conn.read_tls(&mut self.buffer.filled()) {
            Ok(0) => self.buffer.use_up(RAW),
            Ok(n) => self.buffer.use_up(n),
            // The buffer in which rustls joins the pieces of a message is full, and the message not whole.
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                return Err(InvalidMessage::HandshakePayloadTooLarge.into())
            }
            Err(error) => return Err(rustls::Error::General(error.to_string())),
        }
        conn.process_new_packets().map(|_| ())
    }

    /// What stands in the last read where a record should, if it is printable: Exim says in clear that it gives up.
    pub fn plain_text(&self) -> Option<&[u8]> {
        let mut rest = self.buffer.all();
        // Records before it are passed over; a read that begins inside one cannot be judged.
        while let [20..=24, 3, _, high, low, ..] = rest {
            rest = rest.get(5 + usize::from(u16::from_be_bytes([*high, *low]))..)?;
        }
        let line = rest.split(|octet| matches!(octet, b'\r' | b'\n')).next().unwrap_or_default();
        let printable = line.iter().all(|octet| matches!(octet, 0x20..=0x7e));
        matches!(line, [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9', b' ' | b'-', ..]).then_some(line).filter(|_| printable)
    }
}

pub fn send_now(stream: &TcpStream, data: &[u8]) -> io::Result<usize> {
    send_with(stream, data, at_once())
}

/// Nothing that is sent later goes into the same packet. Other systems than Linux may refuse the flag, and do without.
pub fn send_apart(stream: &TcpStream, data: &[u8]) -> io::Result<usize> {
    let apart = if cfg!(target_os = "linux") { MsgFlags::MSG_EOR } else { MsgFlags::empty() };
    send_with(stream, data, at_once() | apart)
}

fn send_with(stream: &TcpStream, data: &[u8], flags: MsgFlags) -> io::Result<usize> {
    match send(stream.as_raw_fd(), data, flags) {
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(0),
        sent => Ok(sent?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain_text(read: &[u8]) -> Option<Vec<u8>> {
        let mut raw = Raw::new();
        raw.buffer.space()[..read.len()].copy_from_slice(read);
        raw.buffer.fill(read.len());
        raw.buffer.use_up(read.len());
        raw.plain_text().map(<[u8]>::to_vec)
    }

    #[test]
    fn plain_text_behind_records_is_found_and_nothing_else() {
        let said = b"421 mail.example.com lost input connection\r\n";
        let line = Some(said[..said.len() - 2].to_vec());
        assert_eq!(plain_text(said), line);
        assert_eq!(plain_text(&[&[23, 3, 3, 0, 2, 1, 2][..], said].concat()), line);
        assert_eq!(plain_text(&[23, 3, 3, 0, 200, 1, 2]), None);
        assert_eq!(plain_text(b"421 \x00\r\n"), None);
        assert_eq!(plain_text(b"GET / HTTP/1.0\r\n"), None);
        assert_eq!(plain_text(b""), None);
    }
}
