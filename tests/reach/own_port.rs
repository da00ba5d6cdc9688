//! A bridge whose command line dials its superserver's port.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Duration;

use crate::support::bridge::House;
use crate::support::limit::{within, USUAL};
use crate::support::talk::Hear;

/// A bug that was: such a bridge started a hundred of itself.
#[test]
fn a_bridge_does_not_dial_the_port_that_its_client_came_to() {
    within(USUAL, || {
        let house = House::new();
        for host in ["127.0.0.1", "localhost", "127.0.0.2"] {
            let superserver = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = superserver.local_addr().unwrap().port();
            let mut client = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
            client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let (theirs, _) = superserver.accept().unwrap();
            let start = house.bridge(format!("{host}:{port}")).arg("-4");
            let bridge = start.on(OwnedFd::from(theirs.try_clone().unwrap()), OwnedFd::from(theirs), Stdio::piped());
            let reply = client.line();
            assert!(reply.starts_with("421 4.3.5 ") && reply.contains("the superserver listens on"), "{reply}");
            drop(client);
            assert_eq!(bridge.finish().code, 78);
            superserver.set_nonblocking(true).unwrap();
            assert!(superserver.accept().is_err(), "it dialled {host}");
        }
    });
}
