//! What a server answers before TLS: anything but 220, 250 with STARTTLS and 220 ends the way there, in a 421 that has not a
//! word of it. The log has the words, behind `clear=`.

use super::{answers, clear, leaves_the_next_its_turn, refused, serve, server, start, up_to_tls, write, Then, To};
use super::{EHLO, GREETING, OFFERS, READY, STARTTLS};
use crate::support::bridge::House;
use crate::support::limit::{within, USUAL};
use crate::support::outcome::{refusal, Refusal};
use crate::support::talk::Hear;

/// `words` are not authenticated: the log has them, the client reads at most their code.
#[track_caller]
fn not_a_word_of_it(refusal: &Refusal, words: &str) {
    assert_eq!(clear(refusal), words);
    let text = words.split_once(' ').map_or(words, |(_, text)| text);
    assert!(!refusal.reply.contains(text), "{refusal:#?}");
}

/// Goal: promise 1 and rule 6: a clear-text 554 of an attacker bounces no mail, and writes nothing into a queue.
#[test]
fn promise_1_a_greeting_other_than_220_is_a_421_without_its_words() {
    within(USUAL, || {
        for (greeting, code, cure) in [
            ("421 4.7.0 too many connections", "421", "trying again later may help"),
            ("450 4.3.2 later", "450", "trying again later may help"),
            ("500 what is this", "500", "ask the server's administrator"),
            ("554 5.7.1 all mail is lost, call 555-0100", "554", "ask the server's administrator"),
            ("250 hello there", "250", "ask the server's administrator"),
        ] {
            let (refusal, heard) = refused(To::Connect, format!("{greeting}\r\n"));
            refusal.assert("4.3.2", 75, &[&format!("turned us away before TLS (code {code}); {cure}")]);
            not_a_word_of_it(&refusal, greeting);
            assert_eq!(heard, "QUIT\r\n");
            leaves_the_next_its_turn(To::Connect, format!("{greeting}\r\n"), Then::Waits);
        }
    });
}

/// Goal: the greetings that switch ESMTP off in sendmail and Postfix change nothing, because their text is not looked at.
#[test]
fn the_text_of_a_greeting_decides_nothing() {
    within(USUAL, || {
        for greeting in ["220 **************\r\n", "220 8BIT-OK\r\n", "220 2 0 0\r\n", "220 SMTP only\r\n"] {
            let house = House::new();
            let peer = server(&house, move |mut link| {
                write(&mut link.tcp, greeting);
                link.tcp.expect(EHLO);
                write(&mut link.tcp, OFFERS);
                link.tcp.expect(STARTTLS);
                write(&mut link.tcp, READY);
                link.handshake();
                serve(link);
            });
            super::carries(start(&house, peer.host()));
            peer.done();
        }
    });
}

/// Goal: no HELO behind a refused EHLO: it has no STARTTLS.
#[test]
fn an_ehlo_that_is_refused_is_a_421_and_no_helo() {
    within(USUAL, || {
        for (reply, code) in [
            ("421 4.3.2 shutting down", "421"),
            ("450 4.3.2 later", "450"),
            ("502 5.5.1 not implemented", "502"),
            ("550 5.7.1 go away", "550"),
            ("220 hello", "220"),
        ] {
            let (refusal, heard) = refused(To::Ehlo, format!("{reply}\r\n"));
            refusal.assert("4.3.2", 75, &[&format!("refused our EHLO before TLS (code {code});")]);
            not_a_word_of_it(&refusal, reply);
            assert_eq!(heard, "QUIT\r\n");
            leaves_the_next_its_turn(To::Ehlo, format!("{reply}\r\n"), Then::Waits);
        }
    });
}

/// Goal: STARTTLS is a whole keyword in the second line or later. An attacker who removes it keeps the mail waiting, and no
/// more.
#[test]
fn without_starttls_among_its_offers_there_is_no_session() {
    within(USUAL, || {
        for offers in [
            "250 smarthost.test\r\n",
            "250 STARTTLS\r\n",
            "250-STARTTLS\r\n250 SIZE 1000\r\n",
            "250-smarthost.test\r\n250 XSTARTTLS\r\n",
            "250-smarthost.test\r\n250 STARTTLSX\r\n",
            "250-smarthost.test\r\n250 START TLS\r\n",
            "250-smarthost.test\r\n250 AUTH STARTTLS\r\n",
            // What firewalls write over it.
            "250-smarthost.test\r\n250-XXXXXXXA\r\n250 AUTH PLAIN\r\n",
        ] {
            let (refusal, heard) = refused(To::Ehlo, offers);
            let sentence =
                "does not offer STARTTLS; ask the server's administrator; maybe somebody in between removes it";
            refusal.assert("4.7.5", 76, &[sentence, " clear=\"250 "]);
            assert!(refusal.reply.ends_with(&format!("the server {sentence}\r\n")), "{refusal:#?}");
            assert_eq!(heard, "QUIT\r\n", "{offers:?}");
        }
        leaves_the_next_its_turn(To::Ehlo, "250 smarthost.test\r\n", Then::Waits);
    });
}

/// Goal: the keyword in any case, and with words behind it.
#[test]
fn starttls_is_offered_in_any_case() {
    within(USUAL, || {
        for offers in ["250-a\r\n250 starttls\r\n", "250-a\r\n250-StartTLS\r\n250 b\r\n", "250-a\n250 STARTTLS foo\n"] {
            let house = House::new();
            let peer = server(&house, move |mut link| {
                write(&mut link.tcp, GREETING);
                link.tcp.expect(EHLO);
                write(&mut link.tcp, offers);
                link.tcp.expect(STARTTLS);
                write(&mut link.tcp, READY);
                link.handshake();
                serve(link);
            });
            super::carries(start(&house, peer.host()));
            peer.done();
        }
    });
}

/// Goal: rule 9: 220 alone is yes; a 4yz may be another time, everything else is no.
#[test]
fn only_220_to_starttls_is_followed_by_tls() {
    within(USUAL, || {
        for (reply, code) in [("421 4.3.2 shutting down", "421"), ("454 4.7.0 TLS not available", "454")] {
            let (refusal, heard) = refused(To::Starttls, format!("{reply}\r\n"));
            refusal.assert("4.3.2", 75, &[&format!("refused STARTTLS (code {code}); trying again later may help")]);
            not_a_word_of_it(&refusal, reply);
            assert_eq!(heard, "QUIT\r\n");
        }
        for (reply, code) in [
            ("250 2.0.0 go ahead", "250"),
            ("221 2.0.0 bye now", "221"),
            ("334 go on then", "334"),
            ("501 5.5.4 syntax", "501"),
            ("502 5.5.1 not implemented", "502"),
            ("503 5.5.1 bad sequence", "503"),
            ("554 5.7.1 go away", "554"),
        ] {
            let (refusal, heard) = refused(To::Starttls, format!("{reply}\r\n"));
            refusal.assert("4.7.5", 76, &[&format!("refused STARTTLS (code {code}); ask the server's administrator")]);
            not_a_word_of_it(&refusal, reply);
            assert_eq!(heard, "QUIT\r\n");
        }
        leaves_the_next_its_turn(To::Starttls, "454 4.7.0 TLS not available\r\n", Then::Waits);
        leaves_the_next_its_turn(To::Starttls, "502 5.5.1 not implemented\r\n", Then::Waits);
    });
}

/// Goal: an end, a reset or silence at each step is one at this stage, and leaves the next host its turn.
#[test]
fn an_end_or_silence_before_tls_is_a_421() {
    within(2 * USUAL, || {
        for to in super::EACH {
            for (then, words) in [
                (Then::Closes, "failed stage=starttls "),
                // It may be there before the bridge knows that it is connected.
                (Then::Resets, "failed stage="),
                (Then::Waits, "within 1 s"),
            ] {
                // Nothing, and half of a reply.
                for answer in ["", "2", "220-smarthost.test\r\n22"] {
                    let house = House::new();
                    let peer = answers(to, answer, then);
                    let refused = refusal(start(&house, peer.host()).args(["--setup-timeout", "1"]));
                    refused.assert("4.4.2", 75, &[words, "reply=\"421 4.4.2\""]);
                    assert_eq!(peer.done(), "", "{to:?} {then:?} {answer:?}");
                }
                leaves_the_next_its_turn(to, "", then);
            }
        }
    });
}

/// Goal: the sentence says that it is not SMTP, and not a word of it is repeated to the client.
#[test]
fn what_is_no_smtp_is_refused() {
    within(USUAL, || {
        for (words, shown) in [
            ("HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP/1.1 400 Bad Request"),
            ("SSH-2.0-OpenSSH_9.2p1\r\n", "SSH-2.0-OpenSSH_9.2p1"),
            ("* OK IMAP4rev1 ready\r\n", "* OK IMAP4rev1 ready"),
            ("+OK POP3\r\n", "+OK POP3"),
            ("\r\n", ""),
        ] {
            let (refusal, heard) = refused(To::Connect, words);
            refusal.assert("4.7.5", 76, &["this is not SMTP; correct the port; maybe somebody in between answers"]);
            assert_eq!(clear(&refusal), shown);
            assert!(shown.is_empty() || !refusal.reply.contains(shown), "{refusal:#?}");
            assert_eq!(heard, "");
            leaves_the_next_its_turn(To::Connect, words, Then::Waits);
        }
        // An alert of TLS 1.0, as a server of implicit TLS may end its patience, and a hello.
        for record in [&[21, 3, 1, 0, 2, 2, 40][..], &[22, 3, 1, 2, 0]] {
            let (refusal, heard) = refused(To::Connect, record);
            refusal.assert("4.7.5", 76, &["this port is for implicit TLS; leave out --starttls, but name this port"]);
            assert_eq!(heard, "");
            leaves_the_next_its_turn(To::Connect, record, Then::Closes);
        }
    });
}

/// Goal: no word of a server can pass for a field of the log, and the line keeps its end.
#[test]
fn an_attackers_words_are_escaped_and_capped_in_the_log() {
    within(USUAL, || {
        let words = format!("554 \x1b[31m\" reply=\"421 4.0.0\" end=close_notify{}\r\n", "x".repeat(5000));
        let (refusal, _) = refused(To::Connect, words);
        assert!(refusal.line.len() <= 960 && refusal.line.contains(" clear=\"554 \\x1b[31m' reply='421 4.0.0'"));
        assert!(refusal.line.contains("reply=\"421 4.3.2\" setup_ms="), "{refusal:#?}");
        let house = House::new();
        // Our own part is whole all the same.
        let peer = server(&house, |mut link| {
            up_to_tls(&mut link.tcp);
            link.handshake();
            serve(link);
        });
        super::carries(start(&house, peer.host()));
        peer.done();
    });
}
