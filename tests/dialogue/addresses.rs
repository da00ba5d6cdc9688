//! Greetings of a name with several addresses: two of them are asked, and each that is left gets QUIT.

use std::net::TcpListener;
use std::sync::mpsc::{channel, Receiver};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::reach::addresses::{Net, NAME};
use crate::support::limit::{without_hooks, USUAL};
use crate::support::namespace::inside;
use crate::support::outcome::{good, refusal, serve, session};
use crate::support::peer::{accept, Link, Received};

/// Four addresses of this machine that share a port; the order is the resolver's.
const ADDRESSES: [&str; 4] = ["::1", "127.0.0.1", "127.0.0.2", "127.0.0.3"];

/// A listener on each of them.
fn listeners() -> (u16, Vec<TcpListener>) {
    let first = TcpListener::bind((ADDRESSES[0], 0)).unwrap();
    let port = first.local_addr().unwrap().port();
    let others = ADDRESSES[1..].iter().map(|address| TcpListener::bind((*address, port)).unwrap());
    (port, [first].into_iter().chain(others).collect())
}

/// One connection for each, if it comes, greeted by `greet`; what the server heard then, and the end.
fn greet_each(
    net: &Net,
    listeners: Vec<TcpListener>,
    greet: impl Fn(&mut Link) + Send + Sync + 'static,
) -> Receiver<(Vec<u8>, Received)> {
    let (tell, told) = channel();
    let tls = Arc::new(net.house.leaf.server(rustls::ALL_VERSIONS));
    let greet = Arc::new(greet);
    for listener in listeners {
        let (tell, tls, greet) = (tell.clone(), Arc::clone(&tls), Arc::clone(&greet));
        thread::spawn(move || {
            let mut link = Link::new(accept(&listener), &tls);
            link.handshake();
            greet(&mut link);
            let _ = tell.send(link.rest());
        });
    }
    told
}

/// Exactly two were asked, and left cleanly.
#[track_caller]
fn assert_two_were_left(heard: &Receiver<(Vec<u8>, Received)>) {
    for _ in 0..2 {
        let heard = heard.recv_timeout(USUAL / 2).expect("two addresses that were asked");
        assert_eq!(heard, (b"QUIT\r\n".to_vec(), Received::CloseNotify));
    }
    // The bridge has ended: a server that was connected to would have reported it.
    assert!(heard.recv_timeout(Duration::from_millis(300)).is_err(), "a third address was asked");
}

/// Goal: a limit of connections, or a list of strangers, is often one address's own.
#[test]
fn an_address_that_turns_us_away_leaves_the_next_one_its_turn() {
    inside(|| {
        let net = Net::new(&ADDRESSES[..2]);
        let (port, mut listeners) = listeners();
        let good = net.serve(listeners.remove(1));
        listeners.truncate(1);
        let heard = greet_each(&net, listeners, |link| link.say("421 4.7.0 too many connections\r\n"));
        let ended = session(net.bridge(port));
        assert!(ended.line().contains(&format!("addr=127.0.0.1:{port}")), "{}", ended.log);
        assert!(!ended.log.contains("passed "), "{}", ended.log);
        assert_eq!(heard.recv().unwrap(), (b"QUIT\r\n".to_vec(), Received::CloseNotify));
        good.join().unwrap();
    });
}

/// Goal: RFC 5321 section 5.1 asks for two; a provider that turns us away at eight addresses would count eight.
#[test]
fn no_more_than_two_addresses_of_a_host_are_asked_for_a_greeting() {
    inside(|| {
        let net = Net::new(&ADDRESSES);
        let (port, listeners) = listeners();
        let heard = greet_each(&net, listeners, |link| link.say("554 5.7.1 no\r\n"));
        let refusal = refusal(net.bridge(port));
        refusal.assert("4.3.2", 75, &["failed stage=greeting ", "(554 5.7.1 no)", "tried=2"]);
        assert_two_were_left(&heard);
    });
}

/// Goal: and then it is the next host's turn.
#[test]
fn a_host_whose_two_addresses_turn_us_away_leaves_the_next_host_its_turn() {
    inside(|| {
        let net = Net::new(&ADDRESSES);
        let (port, listeners) = listeners();
        let heard = greet_each(&net, listeners, |link| link.say("220-hello\r\n421 busy\r\n"));
        let leaf = net.house.ca.leaf();
        let second = good(&leaf);
        let ended = session(net.bridge(port).arg(second.host()));
        assert!(ended.log.contains(&format!("passed stage=greeting host={NAME} ")), "{}", ended.log);
        assert_two_were_left(&heard);
        second.done();
    });
}

/// Goal: addresses that fail before a greeting is due are not counted: the third one is asked.
#[test]
fn addresses_that_refuse_do_not_count_as_asked() {
    inside(|| {
        let net = Net::new(&ADDRESSES);
        let (port, mut listeners) = listeners();
        let good = net.serve(listeners.remove(3));
        drop(listeners);
        session(net.bridge(port));
        good.join().unwrap();
    });
}

/// Each of `addresses` greets after `seconds`, and the host is given `times` times: the first address has the session.
fn greets_late(addresses: &[&str], times: usize, seconds: u64) {
    const SPEED: u32 = 10;
    let net = Net::new(addresses);
    let (port, listeners) = listeners();
    let tls = Arc::new(net.house.leaf.server(rustls::ALL_VERSIONS));
    for listener in listeners {
        let tls = Arc::clone(&tls);
        thread::spawn(move || {
            let mut link = Link::new(accept(&listener), &tls);
            link.handshake();
            // The scenario: the pace of the server.
            thread::sleep(Duration::from_secs(seconds) / SPEED);
            serve(link);
        });
    }
    let others = vec![format!("{NAME}:{port}"); times - 1];
    let ended = session(net.bridge(port).args(others).speed(SPEED));
    assert!(!ended.log.contains("passed ") && ended.line().contains("addr=[::1]:"), "{}", ended.log);
}

/// Goal: a server that has proved who it is is alive: neither its other addresses nor other hosts make us impatient.
#[test]
fn a_greeting_after_8_seconds_is_awaited_with_eight_addresses() {
    inside(|| {
        if !without_hooks() {
            let others = ["127.0.0.4", "127.0.0.5", "127.0.0.6", "127.0.0.7"];
            greets_late(&[&ADDRESSES[..], &others].concat(), 1, 8);
        }
    });
}

#[test]
fn a_greeting_after_20_seconds_is_awaited_with_two_hosts_of_two_addresses() {
    inside(|| {
        if !without_hooks() {
            greets_late(&ADDRESSES[..2], 2, 20);
        }
    });
}
