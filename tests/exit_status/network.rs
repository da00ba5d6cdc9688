//! Causes that need a network, a resolver or a user namespace of their own.

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Stdio;

use crate::exit_status::Row;
use crate::support::bridge::{tcp_pair, House};
use crate::support::limit::{within, USUAL};
use crate::support::namespace::{inside, sh};
use crate::support::outcome::refused;
use crate::support::peer::nobody_listens;

pub const ROWS: &[Row] = &[
    Row {
        cause: "client address",
        status: "4.7.0",
        exit: 77,
        word: "--allow-from",
        start: |house| house.bridge(nobody_listens().to_string()).into(),
    },
    Row {
        cause: "no name server",
        status: "4.4.3",
        exit: 75,
        word: "stage=resolve",
        start: |house| house.bridge("smarthost.example").into(),
    },
    Row {
        cause: "unreachable",
        status: "4.4.1",
        exit: 75,
        word: "unreachable",
        start: |house| house.bridge("198.51.100.1").into(),
    },
    Row {
        cause: "connect timeout",
        status: "4.4.1",
        exit: 75,
        word: "no answer",
        start: |house| house.bridge("192.0.2.9").args(["--setup-timeout", "1"]).into(),
    },
    Row {
        cause: "a drop of rights that fails",
        status: "4.3.0",
        exit: 71,
        word: "--user root",
        start: |house| {
            let namespace = "exec unshare --user --map-root-user \"$0\" \"$@\";";
            house.bridge(nobody_listens().to_string()).under_shell(namespace, "").into()
        },
    },
];

/// Goal: the rest of the table.
#[test]
fn promise_1_never_bounces_the_rows_that_need_a_network_of_their_own() {
    inside(|| {
        sh("ip link add hole type veth peer name far
            ip link set hole up; ip link set far up
            ip address add 192.0.2.1/24 dev hole; ip address add 192.0.2.2/24 dev hole
            ip neighbour replace 192.0.2.9 lladdr 02:00:00:00:00:09 dev hole nud permanent");
        let flood = "x".repeat(4 << 20);
        for row in ROWS {
            for flood in ["", &flood] {
                let house = House::new();
                let start = (row.start)(&house).start;
                // Only the first row is about where the client is.
                let (client, theirs) = if row.exit == 77 { from_elsewhere() } else { tcp_pair() };
                let stdin = OwnedFd::from(theirs.try_clone().unwrap());
                row.check_started(start.on(stdin, OwnedFd::from(theirs), Stdio::piped()), client, None, flood);
            }
        }
    });
}

/// A connection from 192.0.2.2 to 192.0.2.1.
fn from_elsewhere() -> (TcpStream, TcpStream) {
    use socket2::{Domain, Socket, Type};

    let listener = TcpListener::bind("192.0.2.1:0").unwrap();
    let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    client.bind(&std::net::SocketAddr::from(([192, 0, 2, 2], 0)).into()).unwrap();
    client.connect(&listener.local_addr().unwrap().into()).unwrap();
    (client.into(), listener.accept().unwrap().0)
}

/// Goal: for a line of systemd or inetd that hands us the listener itself, the sentence names the missing word; the reply
/// goes where there is a client.
#[test]
fn a_listening_socket_as_descriptor_0_is_78_with_the_missing_word() {
    within(USUAL, || {
        let house = House::new();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (client, theirs) = tcp_pair();
        let start = house.bridge(nobody_listens().to_string());
        let bridge = start.on(OwnedFd::from(listener), OwnedFd::from(theirs), Stdio::piped());
        refused(bridge, client).assert("4.3.5", 78, &["Accept=yes", "nowait", "listening"]);
    });
}
