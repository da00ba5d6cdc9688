//! Promise 7: whom the bridge serves. In a network with addresses of its own.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Stdio;

use socket2::{Domain, Socket, Type};

use crate::support::bridge::{Bridge, House};
use crate::support::namespace::{inside, sh};
use crate::support::outcome::{carried, good, refused};
use crate::support::peer::nobody_listens;

/// A connection between two addresses of this network; `listener` may be the wildcard of `to`.
fn connected(from: &str, to: &str, listener: &str) -> (TcpStream, TcpStream) {
    let address = |text: &str| SocketAddr::new(text.parse::<IpAddr>().unwrap(), 0);
    let listener = TcpListener::bind(address(listener)).unwrap();
    let (from, mut to) = (address(from), address(to));
    to.set_port(listener.local_addr().unwrap().port());
    let client = Socket::new(Domain::for_address(from), Type::STREAM, None).unwrap();
    client.bind(&from.into()).unwrap();
    client.connect(&to.into()).unwrap();
    (client.into(), listener.accept().unwrap().0)
}

fn serving(house: &House, host: &str, allowed: &[&str], theirs: TcpStream) -> Bridge {
    let start = allowed.iter().fold(house.bridge(host), |start, network| start.arg("--allow-from").arg(*network));
    start.on(OwnedFd::from(theirs.try_clone().unwrap()), OwnedFd::from(theirs), Stdio::piped())
}

/// From, to, the listener's address, --allow-from.
type Row<'a> = (&'a str, &'a str, &'a str, &'a [&'a str]);

fn network() -> House {
    sh("ip address add 192.0.2.1/24 dev lo; ip address add 192.0.2.130/24 dev lo
        ip -6 address add 2001:db8::1/64 dev lo nodad; ip -6 address add 2001:db8::2/64 dev lo nodad");
    House::new()
}

#[test]
fn promise_7_never_serves_strangers() {
    inside(|| {
        let house = network();
        let rows: [Row; 9] = [
            ("192.0.2.130", "192.0.2.1", "192.0.2.1", &[]),
            // As a dual-stack listener of systemd shows it: ::ffff:192.0.2.130.
            ("192.0.2.130", "192.0.2.1", "::", &[]),
            ("2001:db8::2", "2001:db8::1", "2001:db8::1", &[]),
            ("192.0.2.130", "192.0.2.1", "192.0.2.1", &["192.0.2.131"]),
            ("192.0.2.130", "192.0.2.1", "192.0.2.1", &["192.0.2.0/25"]),
            ("192.0.2.130", "192.0.2.1", "192.0.2.1", &["10.0.0.0/8", "2001:db8::/32"]),
            // The server's own address in --allow-from is not the client's.
            ("192.0.2.130", "192.0.2.1", "192.0.2.1", &["192.0.2.1"]),
            ("2001:db8::2", "2001:db8::1", "2001:db8::1", &["2001:db8::1", "192.0.2.0/24"]),
            ("2001:db8::2", "2001:db8::1", "2001:db8::1", &["2001:db8:1::/48"]),
        ];
        for (from, to, listener, allowed) in rows {
            // A client that is refused reaches no one: an accept would be seen by the peer.
            let (client, theirs) = connected(from, to, listener);
            let refusal = refused(serving(&house, &nobody_listens().to_string(), allowed, theirs), client);
            refusal.assert("4.7.0", 77, &["stage=arguments", from, "--allow-from"]);
        }
    });
}

#[test]
fn promise_7_serves_this_machine_and_whom_allow_from_names() {
    inside(|| {
        let house = network();
        let rows: [Row; 13] = [
            ("127.0.0.1", "127.0.0.1", "127.0.0.1", &[]),
            ("127.9.9.9", "127.0.0.1", "127.0.0.1", &[]),
            ("::1", "::1", "::1", &[]),
            ("127.0.0.1", "127.0.0.1", "::", &[]),
            // The socket's own address is this machine.
            ("192.0.2.1", "192.0.2.1", "192.0.2.1", &[]),
            ("192.0.2.1", "192.0.2.1", "::", &[]),
            ("2001:db8::1", "2001:db8::1", "2001:db8::1", &[]),
            ("192.0.2.130", "192.0.2.1", "192.0.2.1", &["192.0.2.130"]),
            ("192.0.2.130", "192.0.2.1", "192.0.2.1", &["192.0.2.128/25"]),
            ("192.0.2.130", "192.0.2.1", "::", &["10.0.0.0/8", "192.0.2.130/32"]),
            ("192.0.2.130", "192.0.2.1", "192.0.2.1", &["::ffff:192.0.2.0/120"]),
            ("2001:db8::2", "2001:db8::1", "2001:db8::1", &["2001:db8::/32"]),
            ("2001:db8::2", "2001:db8::1", "2001:db8::1", &["[2001:db8::2]"]),
        ];
        for (from, to, listener, allowed) in rows {
            let peer = good(&house.leaf);
            let (client, theirs) = connected(from, to, listener);
            let shown = SocketAddr::new(from.parse().unwrap(), client.local_addr().unwrap().port());
            let ended = carried(serving(&house, &peer.host(), allowed, theirs), client);
            assert!(ended.line().contains(&format!("client={shown}")), "{}", ended.log);
            peer.done();
        }
    });
}
