//! A reply or a handshake that ends anywhere: what was authenticated is delivered, nothing is added, and the kind of end is
//! reported.

use std::io::Write;

use crate::hostile::{cases, no_session, Group};
use crate::relay::{greeted, unchanged};
use crate::support::bridge::House;
use crate::support::kernel::until_read;
use crate::support::limit::{within, USUAL};
use crate::support::peer::{Peer, TLS_1_2, TLS_1_3};
use crate::support::talk::{Hear, Talk};

const COMMANDS: &str = "NOOP\r\nQUIT\r\n";
const REPLY: &[u8] = b"250-a\r\n250 b\r\n221 2.0.0 bye\r\n";

/// Goal: the client reads every octet up to the cut and not one more; only after a whole 221 is it a clean end.
#[test]
fn promise_2_a_reply_cut_at_any_octet_is_delivered_to_the_cut() {
    within(USUAL, || {
        for cut in 0..=REPLY.len() {
            let (bridge, mut client, peer) = greeted(unchanged, move |mut link| {
                link.expect(COMMANDS);
                link.send(&REPLY[..cut]);
                link.fin();
                link.until_closed();
            });
            client.say(COMMANDS);
            let heard = client.rest();
            assert_eq!(String::from_utf8_lossy(&heard), String::from_utf8_lossy(&REPLY[..cut]), "cut at {cut}");
            drop(client);
            peer.done();
            match cut == REPLY.len() {
                true => bridge.finish().assert("eof", 0),
                false => bridge.finish().assert("truncated", 76),
            }
            cases(Group::TlsServers, 1);
        }
    });
}

/// Goal: the same inside its record, of which nothing was authenticated.
#[test]
fn promise_2_a_record_cut_at_any_octet_delivers_nothing_of_it() {
    within(USUAL, || {
        // One record: header, content, content type, tag.
        for cut in 0..5 + REPLY.len() + 1 + 16 {
            let (bridge, mut client, peer) = greeted(unchanged, move |mut link| {
                link.expect(COMMANDS);
                let record = link.records(REPLY);
                assert_eq!(record.len(), 5 + REPLY.len() + 1 + 16);
                link.tcp.write_all(&record[..cut]).unwrap();
                link.fin();
                link.until_closed();
            });
            client.say(COMMANDS);
            assert_eq!(client.rest(), b"", "cut at {cut}");
            drop(client);
            peer.done();
            bridge.finish().assert("truncated", 76);
            cases(Group::TlsServers, 1);
        }
    });
}

/// Goal: the server's answer to our hello, cut by FIN or RST: half a ServerHello, half a certificate, all but an octet. A
/// temporary failure, whatever stage it was.
#[test]
fn promise_1_a_handshake_cut_anywhere_is_a_421() {
    within(USUAL, || {
        let house = House::new();
        for version in [TLS_1_2, TLS_1_3] {
            // Of every 30 octets one, and each of the first header.
            for cut in (0..6).chain((6..).step_by(30)) {
                let fin = cut % 4 < 2;
                let server = || {
                    Peer::before_handshake(house.leaf.server(version), move |mut link| {
                        while !link.tls.wants_write() {
                            link.feed().unwrap();
                        }
                        let flight = link.pending();
                        link.raw(&flight[..cut.min(flight.len())]);
                        if fin {
                            link.fin();
                            link.until_closed();
                        } else {
                            // The octets first: a RST may overtake what the bridge has not read yet.
                            until_read(&link.tcp);
                            link.reset();
                        }
                        cut >= flight.len()
                    })
                };
                let (refusal, whole) = no_session(server, |host| house.bridge(host));
                refusal.assert("4.4.2", 75, &["the "]);
                assert_eq!(refusal.log.lines().count(), 1, "cut at {cut}: {refusal:#?}");
                cases(Group::TlsServers, 1);
                if whole {
                    break;
                }
            }
        }
    });
}
