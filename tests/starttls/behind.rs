//! What stands behind a reply in clear (rule 4). In the same segment it is refused; in a later one it is the next reply,
//! or, behind the last 220, it is not TLS. It is never taken for something that was said over TLS.

use super::{answers, behind_tls, carries, clear, refused, serve, server, start, up_to_tls, write, Then, To, EACH};
use super::{EHLO, GREETING, OFFERS, READY, STARTTLS};
use crate::support::bridge::House;
use crate::support::limit::{within, USUAL};
use crate::support::outcome::refusal;
use crate::support::peer::TLS_1_3;
use crate::support::talk::Hear;

/// One octet, half a line, whole replies, records of TLS.
const BEHIND: [&[u8]; 8] = [
    b"2",
    b"\n",
    b"\0",
    b"250-hal",
    b"250 2.0.0 Ok\r\n",
    b"220 injected\r\n250-injected\r\n250 AUTH PLAIN\r\n235 welcome\r\n",
    &[21, 3, 3, 0, 2, 1, 0],
    &[22, 3, 3, 0, 4, 14, 0, 0, 0],
];

fn good(to: To) -> &'static str {
    match to {
        To::Connect => GREETING,
        To::Ehlo => OFFERS,
        To::Starttls => READY,
    }
}

/// Goal: CVE-2011-0411, CVE-2021-38371 and NO STARTTLS: refused, and not purged.
#[test]
fn text_behind_a_reply_in_clear_is_refused() {
    within(USUAL, || {
        for to in EACH {
            for behind in BEHIND {
                let (refusal, heard) = refused(to, [good(to).as_bytes(), behind].concat());
                refusal.assert("4.7.5", 76, &["text behind the ", "maybe somebody in between", " clear="]);
                assert!(!refusal.reply.contains("injected"), "{refusal:#?}");
                assert_eq!(heard, "", "{to:?} {behind:?}");
            }
        }
    });
}

/// Goal: the same behind a reply that fills the longest there may be, so that no read ends between the two.
#[test]
fn text_behind_the_longest_reply_is_seen() {
    within(USUAL, || {
        let longest = format!("220 {}\r\n", "x".repeat(16 * 1024 - 6));
        let (refusal, _) = refused(To::Connect, longest + "2");
        refusal.assert("4.7.5", 76, &["text behind the greeting"]);
    });
}

/// Goal: behind a refusal too: nothing that is said here is believed.
#[test]
fn text_behind_a_refusal_is_refused_too() {
    within(USUAL, || {
        refused(To::Connect, "554 no\r\n220 yes\r\n").0.assert("4.7.5", 76, &["text behind the greeting"]);
        refused(To::Starttls, "454 no\r\n220 yes\r\n").0.assert("4.7.5", 76, &["text behind the reply to STARTTLS"]);
    });
}

/// Goal: what comes behind the 220 in a segment of its own goes to TLS, and is none.
#[test]
fn text_in_a_segment_behind_the_220_is_no_tls() {
    within(USUAL, || {
        for behind in ["250 injected\r\n", "235 welcome\r\n", "421 busy\r\n", "554 no\r\n", "x", "\r\n"] {
            let house = House::new();
            let peer = server(&house, move |mut link| {
                up_to_tls(&mut link.tcp);
                // The hello is there: the bridge reads from now on as TLS.
                assert_eq!(link.tcp.peek(&mut [0]).unwrap(), 1);
                write(&mut link.tcp, behind);
                link.until_closed();
            });
            let refusal = refusal(start(&house, peer.host()).args(["--setup-timeout", "3"]));
            peer.done();
            let words = ["stage=starttls", "text instead of TLS behind the reply to STARTTLS; "];
            refusal.assert("4.7.5", 76, &words);
            assert_eq!(clear(&refusal), behind.trim_end());
            assert!(behind.len() < 5 || !refusal.reply.contains(behind.trim_end()), "{refusal:#?}");
        }
    });
}

/// Goal: records that came before our hello fit no hello of ours.
#[test]
fn a_record_in_a_segment_behind_the_220_ends_the_handshake() {
    within(USUAL, || {
        for record in [&[21, 3, 3, 0, 2, 2, 40][..], &[22, 3, 3, 0, 4, 14, 0, 0, 0], &[23, 3, 3, 0, 1, 0]] {
            let house = House::new();
            let peer = server(&house, move |mut link| {
                up_to_tls(&mut link.tcp);
                assert_eq!(link.tcp.peek(&mut [0]).unwrap(), 1);
                write(&mut link.tcp, record);
                link.until_closed();
            });
            refusal(start(&house, peer.host())).assert("4.7.5", 76, &["stage=handshake"]);
            peer.done();
        }
    });
}

/// Goal: what comes in a segment of its own behind greeting or EHLO is taken for the next reply, and leads nowhere: the
/// smarthost's own replies come behind it.
#[test]
fn a_whole_reply_in_a_later_segment_leads_to_no_session() {
    within(USUAL, || {
        let house = House::new();
        let peer = server(&house, |mut link| {
            write(&mut link.tcp, GREETING);
            link.tcp.expect(EHLO);
            // Somebody in between says it all, and then the server does.
            write(&mut link.tcp, "250-x\r\n250 STARTTLS\r\n");
            link.tcp.expect(STARTTLS);
            write(&mut link.tcp, OFFERS);
            super::rest(&mut link.tcp)
        });
        refusal(start(&house, peer.host())).assert("4.7.5", 76, &["refused STARTTLS (code 250)"]);
        assert_eq!(peer.done(), "QUIT\r\n");
        let peer = answers(To::Starttls, "220 injected\r\n", Then::Waits);
        // And if the real 220 follows, it is text in place of TLS.
        let refusal = refusal(start(&house, peer.host()).args(["--setup-timeout", "1"]));
        refusal.assert("4.4.2", 75, &["stage=handshake"]);
        peer.done();
    });
}

/// Goal: nothing of the clear-text part is left in the session: the client reads our line, and then what came over TLS.
#[test]
fn promise_2_nothing_said_in_clear_reaches_the_client() {
    within(USUAL, || {
        let house = House::new();
        let peer = behind_tls(house.leaf.server(TLS_1_3), serve);
        // `carries` compares every octet that the client reads.
        carries(start(&house, peer.host()));
        peer.done();
    });
}
