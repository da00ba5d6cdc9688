//! A reply that ends anywhere: what was authenticated is delivered, nothing is added, and the end is told apart.

use std::io::Write;

use crate::hostile::{cases, Group};
use crate::relay::{greeted, unchanged};
use crate::support::limit::{within, USUAL};
use crate::support::talk::Hear;

const REPLY: &[u8] = b"250-a\r\n250 b\r\n221 2.0.0 bye\r\n";

/// Goal: the client reads every octet up to the cut and not one more; only behind a whole 221 it is an end in order.
#[test]
fn promise_2_a_reply_cut_at_any_octet_is_delivered_to_the_cut() {
    within(USUAL, || {
        for cut in 0..=REPLY.len() {
            let (bridge, mut client, peer) = greeted(unchanged, move |mut link| {
                link.send(&REPLY[..cut]);
                link.fin();
                link.until_closed();
            });
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

/// Goal: the same inside its record, where nothing of it was authenticated.
#[test]
fn promise_2_a_record_cut_at_any_octet_delivers_nothing_of_it() {
    within(USUAL, || {
        // One record: header, content, content type, tag.
        for cut in 0..5 + REPLY.len() + 1 + 16 {
            let (bridge, mut client, peer) = greeted(unchanged, move |mut link| {
                let record = link.records(REPLY);
                assert_eq!(record.len(), 5 + REPLY.len() + 1 + 16);
                link.tcp.write_all(&record[..cut]).unwrap();
                link.fin();
                link.until_closed();
            });
            assert_eq!(client.rest(), b"", "cut at {cut}");
            drop(client);
            peer.done();
            bridge.finish().assert("truncated", 76);
            cases(Group::TlsServers, 1);
        }
    });
}
