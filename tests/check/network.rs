//! Names, resolvers and routes, in a network of the test's own.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::thread;

use super::{polite, report, smarthost};
use crate::reach::lookup::{name_server, resolver, NAME_ERROR, NO_ERROR, SERVER_FAILURE};
use crate::support::bridge::{House, Start};
use crate::support::dir::Dir;
use crate::support::limit::without_hooks;
use crate::support::namespace::{inside, replace, sh};
use crate::support::peer::{accept, Link};
use crate::support::talk::Hear;

const NAME: &str = "smarthost.example";

#[test]
fn a_name_with_a_typo() {
    inside(|| {
        let _dir = resolver();
        name_server(NAME_ERROR, None);
        let report = report(Start::new().arg("smarthots.example"));
        report.assert(75, &["failed resolve: no such name; is HOST spelled right?"]);
        assert!(report.line("resolve").starts_with("failed after "), "{}", report.screen);
    });
}

#[test]
fn a_name_without_an_address() {
    inside(|| {
        let _dir = resolver();
        name_server(NO_ERROR, None);
        let words = ["failed resolve: no IPv4 or IPv6 address; if HOST is a mail domain, name its smarthost instead"];
        report(Start::new().arg(NAME)).assert(75, &words);
        let words = ["failed resolve: no IPv6 address; leave out -6, which asks for IPv6 only"];
        report(Start::new().args(["localhost", "-6"])).assert(75, &words);
        report(Start::new().args(["127.0.0.1", "-6"])).assert(75, &["failed resolve: no IPv6 address; leave out -6"]);
    });
}

/// Goal: a resolver that blocks a name answers 0.0.0.0, which the system takes for this machine.
#[test]
fn a_resolver_that_blocks_the_name() {
    inside(|| {
        let dir = Dir::new();
        replace("/etc/hosts", &dir.write("hosts", format!("0.0.0.0 {NAME}\n:: {NAME}\n")));
        let words = [
            "failed resolve: this machine's resolver blocks the name (its address is 0.0.0.0 or ::); ask the resolver",
        ];
        report(Start::new().arg(NAME)).assert(75, &words);
    });
}

#[test]
fn a_resolver_that_fails() {
    inside(|| {
        let _dir = resolver();
        name_server(SERVER_FAILURE, None);
        let words = ["failed resolve: the name lookup failed (", "does this machine's resolver work?"];
        report(Start::new().arg(NAME)).assert(75, &words);
    });
}

#[test]
fn promise_4_a_resolver_that_does_not_answer() {
    inside(|| {
        if without_hooks() {
            return;
        }
        let dir = resolver();
        dir.write("resolv.conf", "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n");
        let _deaf = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).unwrap();
        let report = report(Start::new().arg(NAME).speed(30));
        report.assert(75, &["failed resolve: the name lookup got no answer within"]);
    });
}

/// A smarthost on 127.0.0.1 only, for a name with these addresses.
fn with_addresses(addresses: &[&str]) -> (House, Dir, String, thread::JoinHandle<Vec<String>>) {
    let dir = Dir::new();
    let hosts: String = addresses.iter().map(|address| format!("{address} {NAME}\n")).collect();
    replace("/etc/hosts", &dir.write("hosts", hosts));
    let mut house = House::new();
    house.leaf = house.ca.leaf_for(&[NAME]);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let host = format!("{NAME}:{}", listener.local_addr().unwrap().port());
    let tls = Arc::new(house.leaf.server(rustls::ALL_VERSIONS));
    let server = thread::spawn(move || {
        let mut link = Link::new(accept(&listener), &tls);
        link.handshake();
        smarthost(link)
    });
    (house, dir, host, server)
}

/// Goal: a machine without IPv6 and a smarthost with both: a note, and no failure for a monitor.
#[test]
fn ipv6_without_a_route() {
    inside(|| {
        let (house, _dir, host, server) = with_addresses(&["2001:db8::1", "127.0.0.1"]);
        let both = report(house.bridge(&*host));
        assert_eq!(server.join().unwrap(), polite());
        both.assert(0, &["note 2001:db8::1: this machine has no IPv6 route; -4 leaves it out", "result fine"]);
        assert!(both.line("resolve").starts_with("2 addresses in "), "{}", both.screen);
        assert_eq!(both.labels().iter().filter(|label| *label == "address").count(), 2);
        let alone = report(Start::new().arg("[2001:db8::1]"));
        alone.assert(75, &["failed connect: unreachable, because this machine has no IPv6 route; set up IPv6 here"]);
        let four = report(Start::new().arg("198.51.100.1"));
        four.assert(75, &["failed connect: unreachable, because this machine has no IPv4 route; is its network up?"]);
    });
}

/// Goal: promise 7. A superserver's line with --check in it tells a stranger nothing, right or wrong.
#[test]
fn promise_7_a_stranger_reads_no_report() {
    inside(|| {
        sh("ip address add 192.0.2.1/24 dev lo; ip address add 192.0.2.2/24 dev lo");
        for (args, allowed) in
            [(&["127.0.0.1:1"][..], false), (&[], false), (&["--allow-from", "192.0.2.2", "127.0.0.1:1"], true)]
        {
            let listener = TcpListener::bind("192.0.2.1:0").unwrap();
            // From another address than the one it goes to: that one would be this machine's own.
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            socket.bind(&"192.0.2.2:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
            socket.connect(&listener.local_addr().unwrap().into()).unwrap();
            let theirs = accept(&listener);
            let copy = theirs.try_clone().unwrap();
            let bridge = Start::new().arg("--check").args(args).on(
                std::os::fd::OwnedFd::from(copy),
                std::os::fd::OwnedFd::from(theirs),
                std::process::Stdio::piped(),
            );
            let heard = std::net::TcpStream::from(socket).rest();
            assert_eq!(heard.is_empty(), !allowed, "{}", String::from_utf8_lossy(&heard));
            assert_eq!(bridge.finish().code, if allowed { 75 } else { 77 });
        }
    });
}

/// Goal: nor is it called a failure if it has nothing to do with the real one.
#[test]
fn ipv6_without_a_route_beside_an_address_that_refuses() {
    inside(|| {
        let dir = Dir::new();
        replace("/etc/hosts", &dir.write("hosts", format!("2001:db8::1 {NAME}\n127.0.0.2 {NAME}\n")));
        let report = report(Start::new().arg(NAME).arg("-q"));
        report.assert(75, &["failed connect: connection refused on port 465"]);
        assert!(!report.screen.contains("2001:db8::1"), "{}", report.screen);
    });
}

/// Goal: every address is tried, and one that fails is reported even if another one works, also under -q.
#[test]
fn an_address_that_refuses_beside_one_that_works() {
    inside(|| {
        for option in ["-v", "-q"] {
            let (house, _dir, host, server) = with_addresses(&["127.0.0.2", "127.0.0.1", "127.0.0.3"]);
            let report = report(house.bridge(&*host).arg(option));
            assert_eq!(server.join().unwrap(), polite());
            report.assert(0, &["warning 127.0.0.2: connection refused on port"]);
            assert_eq!(report.screen.matches("refused").count(), 1, "one reason, once:\n{}", report.screen);
            sh("umount /etc/hosts");
        }
    });
}

/// Goal: glibc says "no such name" of a name that /etc/hosts has in the other family only.
#[test]
fn a_name_of_etc_hosts_with_the_other_family_alone_has_no_address_and_exists() {
    inside(|| {
        let dir = resolver();
        name_server(NAME_ERROR, None);
        replace("/etc/hosts", &dir.write("hosts", "127.0.0.1 four.example\n2001:db8::6 six.example\n"));
        for (name, option, family) in [("four.example", "-6", "IPv6"), ("six.example", "-4", "IPv4")] {
            let words =
                format!("failed resolve: no {family} address; leave out {option}, which asks for {family} only");
            report(Start::new().args([name, option])).assert(75, &[&words]);
        }
        report(Start::new().args(["none.example", "-6"])).assert(75, &["failed resolve: no such name; "]);
    });
}
