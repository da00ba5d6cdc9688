//! The ClientHello as it leaves us: groups, versions, server name; nothing that could resume or send early.

use std::io::Read;
use std::net::TcpStream;

use crate::support::bridge::House;
use crate::support::limit::{within, USUAL};
use crate::support::outcome::refusal;
use crate::support::peer::Peer;

const X25519: u16 = 0x001d;
const X25519_MLKEM768: u16 = 0x11ec;
const TLS_1_2: u16 = 0x0303;
const TLS_1_3: u16 = 0x0304;

// Extensions (RFC 8446 section 4.2).
const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const PRE_SHARED_KEY: u16 = 41;
const EARLY_DATA: u16 = 42;
const SUPPORTED_VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;

/// What the bridge says first with these options; the server then closes, which has a sentence of its own.
fn hello(args: &[&str], host: &str) -> Hello {
    let house = House::new();
    let peer = Peer::tcp(|mut tcp| Hello::read(&mut tcp));
    let host = format!("{host}:{}", peer.addr.port());
    refusal(house.bridge(host).arg("-4").args(args)).assert("4.4.2", 75, &["closed at our TLS hello"]);
    peer.done()
}

/// Goal: mail recorded today stays secret from a quantum computer of tomorrow, without an option. ring has no ML-KEM.
#[cfg(not(feature = "ring"))]
#[test]
fn x25519mlkem768_is_offered_first_and_with_a_key() {
    within(USUAL, || {
        let hello = hello(&[], "127.0.0.1");
        assert_eq!(hello.groups().first(), Some(&X25519_MLKEM768), "{:04x?}", hello.groups());
        assert_eq!(hello.key_shares().first(), Some(&X25519_MLKEM768));
        assert!(hello.groups().contains(&X25519));
    });
}

/// Goal: no finite-field Diffie-Hellman, whose numbers a server could choose badly.
#[test]
fn nothing_but_elliptic_curves_and_ml_kem_is_offered() {
    within(USUAL, || {
        // secp256r1, secp384r1, secp521r1 (RFC 8422 section 5.1.1) beside the two above.
        let known = [X25519, X25519_MLKEM768, 0x0017, 0x0018, 0x0019];
        let groups = hello(&[], "127.0.0.1").groups();
        assert!(groups.iter().all(|group| known.contains(group)), "{groups:04x?}");
    });
}

#[test]
fn no_pq_offers_classical_groups_only() {
    within(USUAL, || {
        let hello = hello(&["--no-pq"], "127.0.0.1");
        // Supported groups of RFC 8422 and RFC 8446; those with ML-KEM begin at 0x0200.
        assert!(
            hello.groups().iter().chain(&hello.key_shares()).all(|group| *group < 0x0200),
            "{:04x?}",
            hello.groups()
        );
        assert_eq!(hello.groups().first(), Some(&X25519));
        assert!(hello.record < 600, "a hello of one segment was the point: {} octets", hello.record);
    });
}

#[test]
fn min_tls_is_what_is_offered() {
    within(USUAL, || {
        assert_eq!(hello(&[], "127.0.0.1").versions(), [TLS_1_3, TLS_1_2]);
        assert_eq!(hello(&["--min-tls", "1.2"], "127.0.0.1").versions(), [TLS_1_3, TLS_1_2]);
        assert_eq!(hello(&["--min-tls", "1.3"], "127.0.0.1").versions(), [TLS_1_3]);
    });
}

/// Goal: SNI is a name, never an address, never with a dot at its end (RFC 6066 section 3).
#[test]
fn the_server_name_is_sent_as_names_are() {
    within(USUAL, || {
        let table: [(&[&str], &str, Option<&str>); 5] = [
            (&[], "localhost", Some("localhost")),
            (&["--server-name", "mail.example.com."], "localhost", Some("mail.example.com")),
            (&[], "127.0.0.1", None),
            (&["--server-name", "mail.example.com"], "127.0.0.1", Some("mail.example.com")),
            (&["--server-name", "192.0.2.1"], "localhost", None),
        ];
        for (args, host, wanted) in table {
            assert_eq!(hello(args, host).server_name().as_deref(), wanted, "{args:?} {host}");
        }
    });
}

/// Goal: one process is one session.
#[test]
fn nothing_is_resumed_and_nothing_is_sent_early() {
    within(USUAL, || {
        let hello = hello(&[], "127.0.0.1");
        assert!(hello.extension(PRE_SHARED_KEY).is_none() && hello.extension(EARLY_DATA).is_none());
    });
}

struct Hello {
    /// Octets of its record.
    record: usize,
    extensions: Vec<(u16, Vec<u8>)>,
}

impl Hello {
    fn read(tcp: &mut TcpStream) -> Hello {
        let mut header = [0; 5];
        tcp.read_exact(&mut header).unwrap();
        assert_eq!(header[0], 22, "a handshake record");
        let mut record = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
        tcp.read_exact(&mut record).unwrap();
        assert_eq!(record[0], 1, "a ClientHello");
        // Type and length, version, random: then session, suites, compressions, each behind its length.
        let rest = &record[4 + 2 + 32..];
        let rest = &rest[1 + usize::from(rest[0])..];
        let rest = &rest[2 + length(rest)..];
        let rest = &rest[1 + usize::from(rest[0])..];
        let mut rest = &rest[2..];
        let mut extensions = Vec::new();
        while let [a, b, behind @ ..] = rest {
            let end = 2 + length(behind);
            extensions.push((u16::from_be_bytes([*a, *b]), behind[2..end].to_vec()));
            rest = &behind[end..];
        }
        Hello { record: record.len(), extensions }
    }

    fn extension(&self, kind: u16) -> Option<&[u8]> {
        self.extensions.iter().find(|(known, _)| *known == kind).map(|(_, data)| data.as_slice())
    }

    fn groups(&self) -> Vec<u16> {
        numbers(&self.extension(SUPPORTED_GROUPS).unwrap()[2..])
    }

    fn versions(&self) -> Vec<u16> {
        numbers(&self.extension(SUPPORTED_VERSIONS).unwrap()[1..])
    }

    fn key_shares(&self) -> Vec<u16> {
        let mut rest = &self.extension(KEY_SHARE).unwrap()[2..];
        let mut groups = Vec::new();
        while let [a, b, behind @ ..] = rest {
            groups.push(u16::from_be_bytes([*a, *b]));
            rest = &behind[2 + length(behind)..];
        }
        groups
    }

    fn server_name(&self) -> Option<String> {
        // The list's length, the type of a host name, the name's length.
        self.extension(SERVER_NAME).map(|data| String::from_utf8_lossy(&data[5..]).into_owned())
    }
}

fn length(data: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([data[0], data[1]]))
}

fn numbers(data: &[u8]) -> Vec<u16> {
    data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
}
