//! Sockets and pipes in every arrangement that a superserver or a mail program makes.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::thread;

use nix::fcntl::{fcntl, FcntlArg, OFlag};

use crate::relay::noise;
use crate::support::bridge::{tcp_pair, House, Start};
use crate::support::limit::{within, without_hooks, USUAL};
use crate::support::mail;
use crate::support::outcome::GREETING;
use crate::support::peer::Peer;
use crate::support::talk::Hear;

/// Goal: the main job. inetd, xinetd and systemd put one socket on 0, 1 and 2; one message arrives, authenticated, and
/// the client reads the smarthost's octets and no other.
#[test]
fn one_socket_as_0_1_and_2_carries_a_message() {
    within(USUAL, || {
        let house = House::new();
        let smarthost = mail::smarthost(&house.leaf);
        let (bridge, mut client) = house.bridge(smarthost.host()).inetd();
        mail::submit(&mut client.try_clone().unwrap(), &mut client);
        assert!(client.rest().is_empty());
        drop(client);
        assert_eq!(bridge.finish().code, 0);
        mail::assert_arrived(&smarthost, 1);
    });
}

/// Goal: an MTA that starts us itself, by socketpair(2).
#[test]
fn a_unix_socket_pair_carries_a_message() {
    within(USUAL, || {
        let house = House::new();
        let smarthost = mail::smarthost(&house.leaf);
        let (bridge, mut client) = house.bridge(smarthost.host()).unix_socket();
        mail::submit(&mut client.try_clone().unwrap(), &mut client);
        assert!(client.rest().is_empty());
        drop(client);
        let ended = bridge.finish();
        ended.assert("close_notify", 0);
        assert!(ended.line().contains(" client=unix "), "{}", ended.log);
        mail::assert_arrived(&smarthost, 1);
    });
}

/// Goal: `swaks --pipe`, ssh, a shell.
#[test]
fn two_pipes_carry_a_message() {
    within(USUAL, || {
        let house = House::new();
        let smarthost = mail::smarthost(&house.leaf);
        let (bridge, mut input, mut output) = house.bridge(smarthost.host()).pipes();
        mail::submit(&mut output, &mut input);
        assert!(output.rest().is_empty());
        drop(input);
        let ended = bridge.finish();
        ended.assert("close_notify", 0);
        assert!(ended.line().contains(" client=pipe "), "{}", ended.log);
        mail::assert_arrived(&smarthost, 1);
    });
}

/// Goal: 0 and 1 of different kinds cause no confusion.
#[test]
fn a_pipe_as_0_and_a_socket_as_1_carry_a_message() {
    within(USUAL, || {
        let house = House::new();
        let smarthost = mail::smarthost(&house.leaf);
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut bridge = house.bridge(smarthost.host()).on(Stdio::piped(), OwnedFd::from(theirs), Stdio::piped());
        let mut input = bridge.child.stdin.take().unwrap();
        mail::submit(&mut &ours, &mut input);
        assert!((&ours).rest().is_empty());
        drop(input);
        bridge.finish().assert("close_notify", 0);
        mail::assert_arrived(&smarthost, 1);
    });
}

/// Goal: O_NONBLOCK belongs to the open file, which others share: they find it as they left it, set or not, and meanwhile
/// nothing is lost and nothing spins.
#[test]
fn o_nonblock_is_never_touched_and_costs_no_byte() {
    within(USUAL, || {
        for nonblocking in [true, false] {
            let house = House::new();
            let peer = Peer::start(&house.leaf, |mut link| {
                link.send(GREETING.as_bytes());
                let up = link.take(4 << 20);
                link.send(&noise(4 << 20, 1));
                link.close_notify();
                up
            });
            let (mut client, theirs) = tcp_pair();
            theirs.set_nonblocking(nonblocking).unwrap();
            let shared = theirs.try_clone().unwrap();
            let flag = || {
                let flags = OFlag::from_bits_truncate(fcntl(shared.as_fd(), FcntlArg::F_GETFL).unwrap());
                flags.contains(OFlag::O_NONBLOCK)
            };
            let copy = theirs.try_clone().unwrap();
            let start = house.bridge(peer.host());
            let bridge = start.on(OwnedFd::from(copy), OwnedFd::from(theirs), Stdio::piped());
            assert_eq!(client.line(), GREETING);
            assert_eq!(flag(), nonblocking);
            let mut writer = client.try_clone().unwrap();
            let writing = thread::spawn(move || writer.write_all(&noise(4 << 20, 2)));
            assert!(client.exactly(4 << 20) == noise(4 << 20, 1));
            writing.join().unwrap().unwrap();
            assert!(peer.done() == noise(4 << 20, 2));
            assert_eq!(flag(), nonblocking);
            // `shared` keeps the connection open, but the half-close is the connection's.
            assert!(client.rest().is_empty());
            drop(client);
            bridge.finish().assert("close_notify", 0);
            assert_eq!(flag(), nonblocking, "at the exit");
        }
    });
}

/// Goal: promise 6. `2>&1`, into a pipe and into a file: what shares its descriptor with the client is the client's.
#[test]
fn promise_6_a_2_that_is_also_1_gets_no_line() {
    within(USUAL, || {
        let house = House::new();
        let smarthost = mail::smarthost(&house.leaf);
        let start = || house.bridge(smarthost.host()).args(["-v", "--log", "stderr"]).under_shell("", "2>&1");
        let mut bridge = start().on(Stdio::piped(), Stdio::piped(), Stdio::null());
        let (mut input, mut output) = (bridge.child.stdin.take().unwrap(), bridge.child.stdout.take().unwrap());
        mail::submit(&mut output, &mut input);
        assert!(output.rest().is_empty());
        drop(input);
        assert_eq!(bridge.finish().code, 0);

        let output = std::fs::File::create(house.dir.path("out")).unwrap();
        let input = std::fs::File::open(house.dir.write("in", "QUIT\r\n")).unwrap();
        assert_eq!(start().on(input, output, Stdio::null()).finish().code, 0);
        let heard = std::fs::read_to_string(house.dir.path("out")).unwrap();
        assert_eq!(heard, "220 smarthost.test ESMTP smarthost, AUTH required\r\n221 2.0.0 Bye\r\n");
        mail::assert_arrived(&smarthost, 1);
    });
}

/// Goal: the superserver hands over the listening socket when a word is missing in its configuration; the sentence
/// names the word.
#[test]
fn a_listening_socket_as_0_is_refused_with_the_cure() {
    within(USUAL, || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut bridge = Start::new().arg("localhost").on(OwnedFd::from(listener), Stdio::piped(), Stdio::piped());
        let reply = bridge.child.stdout.take().unwrap().rest();
        let reply = String::from_utf8(reply).unwrap();
        assert!(reply.starts_with("421 4.3.5 ") && reply.contains("nowait") && reply.contains("Accept=yes"), "{reply}");
        let ended = bridge.finish();
        assert_eq!(ended.code, 78, "{}", ended.log);
        assert!(ended.line().contains("nowait"), "{}", ended.log);
    });
}

/// Goal: as inetd's `wait` does it, on all three: there is no one to tell, and nothing hangs.
#[test]
fn a_listening_socket_as_0_1_and_2_is_refused() {
    within(USUAL, || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let fds = [listener.try_clone().unwrap(), listener.try_clone().unwrap(), listener];
        let [stdin, stdout, stderr] = fds.map(OwnedFd::from);
        assert_eq!(Start::new().arg("localhost").on(stdin, stdout, stderr).finish().code, 78);
    });
}

#[test]
fn a_datagram_socket_as_0_is_refused_with_the_cure() {
    within(USUAL, || {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let bridge = Start::new().arg("localhost").on(OwnedFd::from(socket), Stdio::null(), Stdio::piped());
        let ended = bridge.finish();
        assert_eq!(ended.code, 78, "{}", ended.log);
        assert!(ended.line().contains("stream tcp nowait"), "{}", ended.log);
    });
}

/// Goal: a port scanner connects and resets before we look: no one is there, no configuration needs a change, and the
/// smarthost is not bothered.
#[test]
fn a_client_that_is_gone_before_we_start_is_no_configuration_error() {
    within(USUAL, || {
        let house = House::new();
        let smarthost = mail::smarthost(&house.leaf);
        let (client, theirs) = tcp_pair();
        crate::support::peer::reset(client);
        let copy = theirs.try_clone().unwrap();
        let bridge = house.bridge(smarthost.host()).on(OwnedFd::from(copy), OwnedFd::from(theirs), Stdio::piped());
        bridge.finish().assert("client_gone", 0);
        assert_eq!(smarthost.sessions(), 0, "a client that was gone cost the smarthost a connection");
    });
}

/// Goal: promise 4. There is no session, and a client whose words are always there already does not hold the process beyond
/// the 5 s.
#[test]
fn promise_4_the_deadline_wins_over_a_refused_client_that_outruns_us() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        const WORDS: i32 = 1 << 20;
        let (mut input, mut talk) = std::io::pipe().unwrap();
        fcntl(&talk, FcntlArg::F_SETPIPE_SZ(WORDS)).unwrap();
        talk.write_all(&vec![b'.'; WORDS.cast_unsigned() as usize]).unwrap();
        let start = Start::new().arg("--ca-file").arg("/nonexistent").arg("smtp.example.com");
        // 5 s are 5 us, too short to read a megabyte in pieces of 4 KiB.
        let bridge = start.speed(1_000_000).on(input.try_clone().unwrap(), Stdio::piped(), Stdio::piped());
        assert_eq!(bridge.finish().code, 78);
        drop(talk);
        assert!(!input.rest().is_empty(), "all of it was read");
    });
}

/// A bug that was: the session began, and broke off with 74 when it read.
#[test]
fn a_directory_as_0_is_no_client() {
    within(USUAL, || {
        let start = Start::new().arg("127.0.0.1:1").under_shell("", "0</");
        let mut bridge = start.on(Stdio::null(), Stdio::piped(), Stdio::piped());
        let reply = String::from_utf8(bridge.child.stdout.take().unwrap().rest()).unwrap();
        assert!(reply.starts_with("421 4.3.5 smtps-bridge: descriptor 0 is a directory"), "{reply}");
        assert_eq!(bridge.finish().code, 78);
    });
}
