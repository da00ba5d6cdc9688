//! What a server says before there are keys, made by hand.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::hostile::{message, CHANGE_CIPHER_SPEC, HANDSHAKE};
use crate::support::ca::sha256;

/// A handshake message (RFC 8446 section 4).
pub const SERVER_HELLO: u8 = 2;

pub const TLS_1_2: [u8; 2] = [3, 3];
pub const AES_128_GCM_SHA256: [u8; 2] = [0x13, 1];
/// The random of a HelloRetryRequest is SHA-256 of this (RFC 8446 section 4.1.3).
const RETRY: &[u8] = b"HelloRetryRequest";

/// One connection, whose hello was read.
pub struct Link {
    pub tcp: TcpStream,
    /// The session of the hello, which the answer repeats.
    pub session: Vec<u8>,
}

impl Link {
    pub fn new(tcp: TcpStream) -> Link {
        let mut link = Link { tcp, session: Vec::new() };
        link.hello();
        link
    }

    /// The next hello; a change_cipher_spec may stand before it.
    pub fn hello(&mut self) {
        let (kind, hello) = record(&mut self.tcp);
        if kind == CHANGE_CIPHER_SPEC {
            return self.hello();
        }
        assert_eq!((kind, hello[0]), (HANDSHAKE, 1), "a hello: {hello:02x?}");
        // Type and length, version, random, and the session behind its length.
        let behind = &hello[4 + 2 + 32..];
        self.session = behind[1..1 + usize::from(behind[0])].to_vec();
    }

    pub fn send(&mut self, kind: u8, content: &[u8]) {
        // The bridge may be gone already: it has seen enough.
        let _ = self.tcp.write_all(&framed(kind, content));
    }

    pub fn server_hello(&mut self, extensions: &[&[u8]]) {
        let hello = hello(&self.session, &[7; 32], TLS_1_2, AES_128_GCM_SHA256, 0, extensions);
        self.send(HANDSHAKE, &hello);
    }

    pub fn retry(&mut self, extensions: &[&[u8]]) {
        let random = sha256(RETRY);
        let hello = hello(&self.session, &random, TLS_1_2, AES_128_GCM_SHA256, 0, extensions);
        // A record of ours has at most 2^14 octets (RFC 8446 section 5.1).
        for piece in hello.chunks(16_384) {
            self.send(HANDSHAKE, piece);
        }
    }

    /// The same over and over, until the bridge is gone.
    pub fn flood(&mut self, kind: u8, content: &[u8]) {
        let record = framed(kind, content);
        let much = record.repeat(65_536 / record.len());
        while self.tcp.write_all(&much).is_ok() {}
    }
}

/// The next record of the bridge: its content type and its content.
pub fn record(tcp: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut header = [0; 5];
    tcp.read_exact(&mut header).expect("a record of the bridge");
    let mut content = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
    tcp.read_exact(&mut content).expect("a record of the bridge");
    (header[0], content)
}

fn framed(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[kind, 3, 3], length.as_slice(), content].concat()
}

pub fn hello(
    session: &[u8],
    random: &[u8],
    version: [u8; 2],
    suite: [u8; 2],
    compression: u8,
    extensions: &[&[u8]],
) -> Vec<u8> {
    let extensions = extensions.concat();
    let length = u16::try_from(extensions.len()).unwrap().to_be_bytes();
    let session_length = [u8::try_from(session.len()).unwrap()];
    let parts: [&[u8]; 8] = [&version, random, &session_length, session, &suite, &[compression], &length, &extensions];
    message(SERVER_HELLO, &parts.concat())
}
