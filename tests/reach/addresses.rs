//! One name with several addresses: staggered connects, and a turn for each of them. In a network of the test's own.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener};
use std::sync::Arc;
use std::thread;

use crate::support::bridge::{House, Start};
use crate::support::dir::Dir;
use crate::support::limit::{within, without_hooks, USUAL};
use crate::support::namespace::{inside, replace, sh, without_tool};
use crate::support::outcome::{good, refusal, serve, session};
use crate::support::peer::{accept, Link};

pub const NAME: &str = "smarthost.example";

/// A machine whose /etc/hosts has NAME with these addresses, and a certificate for it.
pub struct Net {
    pub house: House,
    _dir: Dir,
}

impl Net {
    pub fn new(addresses: &[&str]) -> Net {
        let dir = Dir::new();
        let hosts: String = addresses.iter().map(|address| format!("{address} {NAME}\n")).collect();
        replace("/etc/hosts", &dir.write("hosts", hosts));
        let mut house = House::new();
        house.leaf = house.ca.leaf_for(&[NAME]);
        Net { house, _dir: dir }
    }

    pub fn bridge(&self, port: u16) -> Start {
        self.house.bridge(format!("{NAME}:{port}")).arg("-v")
    }

    /// A good smarthost for one session.
    pub fn serve(&self, listener: TcpListener) -> thread::JoinHandle<()> {
        let tls = Arc::new(self.house.leaf.server(rustls::ALL_VERSIONS));
        thread::spawn(move || {
            let mut link = Link::new(accept(&listener), &tls);
            link.handshake();
            serve(link);
        })
    }
}

/// Goal: what the system says, without the number that it has for it. A bug that was: "(os error 113)".
#[test]
fn an_unreachable_smarthost_is_told_in_the_systems_words() {
    inside(|| {
        sh("ip route add unreachable 198.51.100.0/24");
        let refusal = refusal(Start::new().arg("198.51.100.7"));
        let words = ["unreachable (No route to host); check this machine's network, and any firewall in between"];
        refusal.assert("4.4.1", 75, &words);
        assert!(!refusal.log.contains("os error"), "{refusal:#?}");
    });
}

/// Goal: a link-local address is dialled through its interface; if there is none of that name, the sentence says so.
#[test]
fn a_link_local_address_is_dialled_through_its_interface() {
    inside(|| {
        sh("ip link add lan type veth peer name far; ip link set lan up; ip link set far up; ip address add fe80::7/64 dev lan nodad");
        let net = Net::new(&[]);
        let scope = nix::net::if_::if_nametoindex("lan").unwrap();
        let listen = || TcpListener::bind(SocketAddrV6::new("fe80::7".parse().unwrap(), 0, 0, scope)).unwrap();
        for zone in ["lan".to_owned(), scope.to_string()] {
            let listener = listen();
            let host = format!("[fe80::7%{zone}]:{}", listener.local_addr().unwrap().port());
            let server = net.serve(listener);
            let ended = session(net.house.bridge(host).args(["--server-name", NAME]));
            assert!(ended.line().contains(&format!("host=fe80::7%{zone} addr=[fe80::7%{scope}]:")), "{}", ended.log);
            server.join().unwrap();
        }
        let other = refusal(net.house.bridge("[fe80::7%wan]:465"));
        other.assert("4.4.1", 75, &["this machine has no network interface wan; correct the zone of HOST"]);
    });
}

/// `2001:db8::1` and 192.0.2.1 are ours; whatever else is in their networks is dropped silently.
fn black_hole() {
    sh("ip link add hole type veth peer name far
        ip link set hole up; ip link set far up
        ip address add 2001:db8::1/64 dev hole nodad; ip address add 192.0.2.1/24 dev hole
        for last in 8 9; do
            ip neighbour replace 2001:db8::$last lladdr 02:00:00:00:00:09 dev hole nud permanent
            ip neighbour replace 192.0.2.$last lladdr 02:00:00:00:00:09 dev hole nud permanent
        done");
}

/// Goal: IPv6 accepts and stalls (a broken load balancer, a proxy), IPv4 works: one name, one session.
#[test]
fn promise_4_an_ipv6_that_accepts_and_stalls_leaves_ipv4_its_turn() {
    inside(|| {
        if without_hooks() {
            return;
        }
        let net = Net::new(&["::1", "127.0.0.1"]);
        let stalling = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
        let port = stalling.local_addr().unwrap().port();
        let good = net.serve(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap());
        let stalled = thread::spawn(move || io::copy(&mut accept(&stalling), &mut io::sink()));
        let ended = session(net.bridge(port).speed(20));
        assert!(ended.log.contains(&format!("[::1]:{port},127.0.0.1:{port}")), "IPv6 comes first: {}", ended.log);
        assert!(ended.line().contains(&format!("addr=127.0.0.1:{port}")), "{}", ended.log);
        assert!(stalled.join().unwrap().is_ok_and(|octets| octets > 0), "the stalling one got its hello");
        good.join().unwrap();
    });
}

/// Goal: a refused address costs nothing, and one address that fails is no failed host.
#[test]
fn an_address_that_refuses_leaves_the_other_one_its_turn() {
    inside(|| {
        let net = Net::new(&["::1", "127.0.0.2", "127.0.0.1"]);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let good = net.serve(listener);
        let ended = session(net.bridge(port));
        assert!(!ended.log.contains("passed "), "{}", ended.log);
        good.join().unwrap();
    });
}

/// Goal: an address whose server is busy, and says so before TLS (as Exim does), leaves the other one its turn.
#[test]
fn an_address_that_is_busy_before_tls_leaves_the_other_one_its_turn() {
    inside(|| {
        let net = Net::new(&["::1", "127.0.0.1"]);
        let busy = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
        let port = busy.local_addr().unwrap().port();
        let good = net.serve(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap());
        let busy = thread::spawn(move || {
            let mut tcp = accept(&busy);
            tcp.write_all(b"421 Too many concurrent SMTP connections\r\n").unwrap();
            io::copy(&mut tcp, &mut io::sink())
        });
        let ended = session(net.bridge(port));
        assert!(ended.line().contains(&format!("addr=127.0.0.1:{port}")), "{}", ended.log);
        busy.join().unwrap().unwrap();
        good.join().unwrap();
    });
}

/// Goal: addresses into which packets vanish delay no longer than the stagger: with an hour for the setup, a bridge
/// that waited for one of them would outlast this test by far.
#[test]
fn promise_4_black_holes_delay_no_longer_than_the_stagger() {
    inside(|| {
        black_hole();
        let net = Net::new(&["2001:db8::8", "2001:db8::9", "192.0.2.9", "127.0.0.1"]);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let good = net.serve(listener);
        let ended = session(net.bridge(port).args(["--setup-timeout", "3600"]));
        let order = ended.log.lines().find(|line| line.contains("resolved ")).unwrap_or_default().to_owned();
        assert!(order.contains("addresses=[2001:db8::"), "a black hole comes first: {order}");
        assert!(ended.line().contains(&format!("addr=127.0.0.1:{port}")), "{}", ended.log);
        good.join().unwrap();
    });
}

/// Goal: all addresses silent is "no answer"; a refusal among them tells more and is reported.
#[test]
fn silence_of_all_addresses_is_no_answer_and_a_refusal_tells_more() {
    inside(|| {
        if without_hooks() {
            return;
        }
        black_hole();
        for (addresses, word, tried) in [
            (&["2001:db8::9", "192.0.2.9"][..], "no answer on port 465", "tried=2"),
            (&["2001:db8::9", "127.0.0.1", "192.0.2.9"][..], "refused on port 465", "tried=3"),
        ] {
            let net = Net::new(addresses);
            let refusal = refusal(net.bridge(465).speed(20).args(["--setup-timeout", "20"]));
            refusal.assert("4.4.1", 75, &["stage=connect", word, "587", tried]);
            assert!(refusal.reply.starts_with("421 4.4.1 smarthost.example: "), "{refusal:#?}");
            sh("umount /etc/hosts");
        }
    });
}

/// Goal: a network that is not there is reported at once, whatever the family.
#[test]
fn an_address_without_a_route_is_unreachable_at_once() {
    inside(|| {
        let house = House::new();
        for host in ["198.51.100.1", "[2001:db8::1]"] {
            let refusal = refusal(house.bridge(host).args(["--setup-timeout", "3600"]));
            refusal.assert("4.4.1", 75, &["stage=connect", "unreachable", "tried=1"]);
        }
    });
}

/// Goal: -4 and -6 choose among the addresses of a name.
#[test]
fn a_family_is_asked_for_and_the_other_one_is_left_alone() {
    inside(|| {
        let net = Net::new(&["::1", "127.0.0.1"]);
        let six = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
        let port = six.local_addr().unwrap().port();
        let four = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        for (option, listener) in [("-6", six), ("-4", four)] {
            let addr: SocketAddr = listener.local_addr().unwrap();
            let good = net.serve(listener);
            let ended = session(net.bridge(port).arg(option));
            assert!(ended.log.contains(&format!("addresses={addr}")), "{}", ended.log);
            assert!(ended.line().contains(&format!("addr={addr}")), "{}", ended.log);
            good.join().unwrap();
        }
    });
}

/// Goal: a policy that denies us a family (SELinux, AppArmor, a container) ends that attempt, and not the search.
#[test]
fn a_family_that_is_denied_leaves_the_other_one_its_turn() {
    if without_tool("strace") {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let peer = good(&house.leaf);
        let user = format!("{}:{}", nix::unistd::geteuid(), nix::unistd::getegid());
        // Nothing is looked up, no name and no user: the first socket is that of the first host.
        let denied = "exec strace -f -o /dev/null -e trace=socket -e inject=socket:error=EACCES:when=1 \"$0\" \"$@\";";
        let start = house.bridge("[::1]:465").arg(peer.host()).args(["--user", &user]);
        let ended = session(start.under_shell(denied, ""));
        let passed = ended.log.lines().find(|line| line.contains("passed stage=connect host=::1 "));
        assert!(passed.is_some_and(|line| line.contains("Permission denied")), "{}", ended.log);
        peer.done();
    });
}
