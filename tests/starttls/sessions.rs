//! Sessions behind STARTTLS: what the client reads, what the smarthost hears, what the log says.

use std::io::Write;

use super::{behind_tls, carries, serve, server, start, up_to_tls, write, BYE, OURS};
use crate::support::bridge::House;
use crate::support::limit::{within, USUAL};
use crate::support::outcome::{refusal, GREETING};
use crate::support::peer::{accept, nobody_listens, Link, Peer, TLS_1_2, TLS_1_3};
use crate::support::talk::{Hear, Talk};

/// Goal: the plain case. The client reads one line of ours, which is not counted; its own EHLO is the first over TLS.
#[test]
fn a_session_with_either_version_of_tls_begins_with_one_line_of_ours() {
    within(USUAL, || {
        for (versions, name) in [(TLS_1_2, "TLSv1.2"), (TLS_1_3, "TLSv1.3")] {
            let house = House::new();
            let peer = behind_tls(house.leaf.server(versions), serve);
            let line = carries(start(&house, peer.host()));
            peer.done();
            // 250-smarthost.test, 250 AUTH PLAIN, 221 2.0.0 Bye.
            for field in [&format!(" tls={name} "), " up=15 down=51 ", " mode=starttls end=close_notify"] {
                assert!(line.contains(field), "no {field:?} in {line}");
            }
        }
    });
}

/// Goal: the greeting names what was verified, an address in brackets: MTAs compare it with their own name.
#[test]
fn our_greeting_names_the_verified_name() {
    within(USUAL, || {
        let house = House::new();
        let leaf = house.ca.leaf_for(&["smtp.example.com", "127.0.0.1", "::1", "localhost"]);
        for (name, greeting) in [
            (None, "220 [127.0.0.1] ESMTP\r\n"),
            (Some("smtp.example.com"), "220 smtp.example.com ESMTP\r\n"),
            (Some("[::1]"), "220 [IPv6:::1] ESMTP\r\n"),
        ] {
            let peer = behind_tls(leaf.server(TLS_1_3), |mut link| {
                link.expect("QUIT\r\n");
                link.say(BYE);
                link.close_notify();
                link.until_closed();
            });
            let mut start = start(&house, peer.host());
            if let Some(name) = name {
                start = start.arg("--server-name").arg(name);
            }
            let (bridge, mut client) = start.socket();
            client.expect(greeting);
            client.say("QUIT\r\n");
            client.expect(BYE);
            assert!(client.rest().is_empty());
            drop(client);
            peer.done();
            bridge.finish().assert("close_notify", 0);
        }
    });
}

/// Goal: EHLO has the literal of our own address, whatever its family.
#[test]
fn our_ehlo_names_our_address() {
    within(USUAL, || {
        let house = House::new();
        let leaf = house.ca.leaf_for(&["::1"]);
        let listener = std::net::TcpListener::bind("[::1]:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let tls = std::sync::Arc::new(leaf.server(TLS_1_3));
        let server = std::thread::spawn(move || {
            let mut tcp = accept(&listener);
            write(&mut tcp, super::GREETING);
            tcp.expect("EHLO [IPv6:::1]\r\n");
            write(&mut tcp, super::OFFERS);
            tcp.expect(super::STARTTLS);
            write(&mut tcp, super::READY);
            let mut link = Link::new(tcp, &tls);
            link.handshake();
            serve(link);
        });
        carries(start(&house, format!("[::1]:{port}")));
        server.join().unwrap();
    });
}

/// Goal: a client that asks for STARTTLS inside the session asks the smarthost, whose answer passes as any other.
#[test]
fn the_clients_own_starttls_is_the_smarthosts_to_answer() {
    within(USUAL, || {
        let house = House::new();
        let peer = behind_tls(house.leaf.server(TLS_1_3), |mut link| {
            link.expect("STARTTLS\r\n");
            link.say("503 5.5.1 TLS already active\r\n");
            link.expect("QUIT\r\n");
            link.say(BYE);
            link.close_notify();
            link.until_closed();
        });
        let (bridge, mut client) = start(&house, peer.host()).socket();
        client.expect(OURS);
        client.say("STARTTLS\r\n");
        client.expect("503 5.5.1 TLS already active\r\n");
        client.say("QUIT\r\n");
        client.expect(BYE);
        assert!(client.rest().is_empty());
        drop(client);
        peer.done();
        bridge.finish().assert("close_notify", 0);
    });
}

/// Goal: what the smarthost says over TLS before it was asked comes behind our line, and the dialogue has heard it.
#[test]
fn what_the_smarthost_says_unasked_over_tls_comes_behind_our_line() {
    within(USUAL, || {
        let house = House::new();
        let peer = server(&house, |mut link| {
            up_to_tls(&mut link.tcp);
            while link.tls.is_handshaking() {
                let flight = link.pending();
                link.raw(&flight);
                link.feed().unwrap();
            }
            // In one segment with the end of the handshake.
            let records = link.records(b"421 4.3.2 going down\r\n");
            link.raw(&records);
            link.close_notify();
            link.until_closed();
        });
        let (bridge, mut client) = start(&house, peer.host()).socket();
        client.expect(OURS);
        client.expect("421 4.3.2 going down\r\n");
        assert!(client.rest().is_empty());
        drop(client);
        peer.done();
        bridge.finish().assert("close_notify", 0);
    });
}

/// Goal: a whole session in one `printf` waits for our line, and goes up line by line.
#[test]
fn a_script_with_crlf_goes_through() {
    within(USUAL, || {
        let house = House::new();
        let peer = behind_tls(house.leaf.server(TLS_1_3), serve);
        let (bridge, mut input, mut output) = start(&house, peer.host()).arg("--crlf").pipes();
        input.write_all(b"EHLO me\nQUIT\n").unwrap();
        drop(input);
        let all = String::from_utf8(output.rest()).unwrap();
        assert_eq!(all, format!("{OURS}250-smarthost.test\r\n250 AUTH PLAIN\r\n{BYE}"));
        peer.done();
        bridge.finish();
    });
}

/// Goal: STARTTLS is with every host of the line, and each failure before the session moves on to the next one.
#[test]
fn every_host_of_the_line_is_asked_for_starttls() {
    within(USUAL, || {
        let house = House::new();
        let expired = house.ca.leaf_expired((2026, 1, 1));
        let turned = Peer::tcp(|mut tcp| {
            write(&mut tcp, "554 no\r\n");
            super::rest(&mut tcp)
        });
        let refused = Peer::before_handshake(expired.server(TLS_1_3), |mut link| {
            up_to_tls(&mut link.tcp);
            assert!(link.try_handshake().is_err());
        });
        let good = behind_tls(house.leaf.server(TLS_1_3), serve);
        let (bridge, mut client) = start(&house, nobody_listens().to_string())
            .arg(turned.host())
            .arg(refused.host())
            .arg(good.host())
            .socket();
        client.expect(OURS);
        client.say("EHLO me\r\n");
        client.expect("250-smarthost.test\r\n250 AUTH PLAIN\r\n");
        client.say("QUIT\r\n");
        client.expect(BYE);
        assert!(client.rest().is_empty());
        drop(client);
        assert_eq!(turned.done(), "QUIT\r\n");
        refused.done();
        good.done();
        let ended = bridge.finish();
        ended.assert("close_notify", 0);
        for stage in ["connect", "starttls", "handshake"] {
            assert!(ended.log.contains(&format!("passed stage={stage} ")), "{}", ended.log);
        }
    });
}

/// Goal: neither way is a fall-back for the other.
#[test]
fn a_server_of_the_other_kind_is_refused_and_not_followed() {
    within(USUAL, || {
        let house = House::new();
        // A port of STARTTLS, without the option.
        let peer = Peer::tcp(|mut tcp| {
            write(&mut tcp, super::GREETING);
            super::rest(&mut tcp)
        });
        let refused = refusal(house.bridge(peer.host()));
        refused.assert("4.7.5", 76, &["stage=handshake", "this port is for STARTTLS", "--starttls"]);
        assert!(!peer.done().contains("EHLO"));
        // A port of implicit TLS, with it: neither side speaks, and then the server hangs up.
        let peer = server(&house, |mut link| {
            link.patience(std::time::Duration::from_secs(2));
            super::rest(&mut link.tcp)
        });
        let refused = refusal(start(&house, peer.host()).args(["--setup-timeout", "1"]));
        refused.assert("4.4.2", 75, &["stage=starttls", "no greeting within 1 s", "leave out --starttls"]);
        assert_eq!(peer.done(), "", "not a word in clear");
        // Nor does the one turn into the other when the smarthost greets over TLS.
        let peer = Peer::start(&house.leaf, |mut link| link.say(GREETING));
        refusal(start(&house, peer.host()).args(["--setup-timeout", "1"])).assert("4.4.2", 75, &["stage=starttls"]);
    });
}
