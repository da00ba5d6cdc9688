//! The clocks behind the client's end, and the one of `--idle-timeout` while somebody is slow.

use std::io::{Read, Write};
use std::sync::mpsc::channel;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::dialogue::{begin, millis, part, session, talk, test, DATA, EHLO, MESSAGE, NOTHING, QUEUED};
use crate::support::bridge::House;
use crate::support::limit::without_hooks;
use crate::support::namespace::{inside_for, sh};
use crate::support::outcome::GREETING;
use crate::support::peer::{accept, Link, Peer, Received};
use crate::support::talk::Hear;

/// Goal: a scanner works on a final dot for up to 10 minutes (RFC 5321 section 4.5.3.2.6), and drops the mail when it sees our
/// end.
#[test]
fn the_answer_to_a_final_dot_arrives_45_seconds_and_9_minutes_after_the_clients_end() {
    test(|| {
        thread::scope(|scope| {
            // 45 s and 9 minutes; 660 s are 5.5 s.
            for thinks in [millis(375), millis(4500)] {
                scope.spawn(move || {
                    let mut session = session(120, DATA, move |mut link| {
                        link.expect(MESSAGE);
                        link.expect_silence(thinks);
                        link.say(QUEUED);
                        part(link);
                    });
                    session.say(MESSAGE);
                    session.hang_up();
                    session.expect_last(QUEUED);
                    let line = session.ends("local_eof", 0).line;
                    assert!(line.contains(" mails=1"), "{line}");
                });
            }
        });
    });
}

/// Goal: promise 4. Neither side says anything any more: 660 s after the client's end it is over, and it is a loss.
#[test]
fn promise_4_an_answer_that_never_comes_is_given_up_after_660_seconds() {
    test(|| {
        // 660 s are 2.2 s; the clock of an idle session would be 24 s.
        let mut session = session(300, DATA, |mut link| {
            link.expect(MESSAGE);
            link.expect_silence(millis(2000));
            link.expect_end();
            link
        });
        session.say(MESSAGE);
        session.hang_up();
        session.expect_last("");
        let line = session.ends("local_eof", 74).line;
        assert!(line.contains(" mails=0"), "{line}");
    });
}

/// Goal: the 660 s count from the last octet either way, so a slow answer of many parts is not cut.
#[test]
fn the_clock_of_an_owed_reply_starts_again_with_each_octet() {
    test(|| {
        let mut session = session(300, DATA, |mut link| {
            link.expect(MESSAGE);
            for part in ["250", "-still\r\n", "250-at it\r\n", "250 2.0.0 Ok: queued\r\n"] {
                // 450 of 660 s.
                link.expect_silence(millis(1500));
                link.say(part);
            }
            part(link);
        });
        session.say(MESSAGE);
        session.hang_up();
        session.expect_last(&format!("250-still\r\n250-at it\r\n{QUEUED}"));
        session.ends("local_eof", 0);
    });
}

/// Goal: the same for the 30 s of a session that cannot be followed.
#[test]
fn the_clock_of_an_unknown_session_starts_again_with_each_octet() {
    test(|| {
        let mut session = session(20, EHLO, |mut link| {
            link.expect("DATA\r\nhello\r\n");
            for _ in 0..3 {
                // 20 of 30 s.
                link.expect_silence(millis(1000));
                link.say("354-part\r\n");
            }
            // 10 s more than the rest of them; 660 s are 33 s.
            link.patience(Duration::from_secs(15));
            link.expect_end();
            link.say("354 Go on\r\n");
            link.fin();
        });
        session.say("DATA\r\nhello\r\n");
        session.hang_up();
        session.expect_last("354-part\r\n354-part\r\n354-part\r\n354 Go on\r\n");
        session.ends("local_eof", 74);
    });
}

/// Goal: promise 4. A server never answers, in a session that could not be followed.
#[test]
fn promise_4_an_unknown_session_ends_after_660_seconds() {
    test(|| {
        let mut session = session(300, EHLO, |mut link| {
            link.expect("DATA\r\nhello\r\n");
            link.expect_end();
            (link, Instant::now())
        });
        session.say("DATA\r\nhello\r\n");
        session.hang_up();
        let ended = Instant::now();
        session.expect_last("");
        let took = ended.elapsed();
        let (_, ours) = session.ends("local_eof", 74).peer;
        assert!(took >= millis(2200), "{took:?} for 660 s / 300");
        assert!(ours - ended < took, "our end was held for all of {took:?}");
    });
}

/// Goal: under `--no-reply` nothing is followed: a protocol's last answer has 30 s, and our end is passed on then.
#[test]
fn under_no_reply_the_clients_end_is_passed_on_after_30_seconds() {
    test(|| {
        let mut session = begin(
            |start| start.speed(30).arg("--no-reply").socket(),
            NOTHING,
            |mut link| {
                link.expect("ping");
                link.expect_silence(millis(500));
                link.patience(Duration::from_secs(15));
                link.expect_end();
                link.say("pong");
                link.fin();
            },
        );
        session.expect(GREETING);
        session.say("ping");
        session.hang_up();
        session.expect_last("pong");
        let line = session.ends("local_eof", 74).line;
        assert!(!line.contains(" mails="), "{line}");
    });
}

/// Goal: a Unix socket hangs up while its last words are unread, behind a server that does not read. No clock of an end runs
/// before they are on their way, and none of them is lost.
#[test]
fn promise_2_the_last_words_of_a_unix_socket_outlast_a_server_that_does_not_read() {
    test(|| {
        let (tell, told) = channel();
        let session = begin(
            // 30 s are 300 ms.
            |start| start.speed(100).unix_socket(),
            DATA,
            move |mut link| {
                let written: usize = told.recv().unwrap();
                // The scenario: no one reads for this long.
                thread::sleep(millis(1000));
                let (heard, end) = link.rest();
                link.close_notify();
                link.fin();
                (heard.len(), written, end)
            },
        );
        let mut session = talk(session, DATA);
        session.client.set_write_timeout(Some(millis(700))).unwrap();
        let mut written = 0;
        while let Ok(n @ 1..) = session.client.write(&[b'.'; 64 * 1024]) {
            written += n;
        }
        assert!(written > 200_000, "{written} octets filled everything");
        let (bridge, peer, syslog, house) = (session.bridge, session.peer, session.syslog, session.house);
        drop(session.client);
        tell.send(written).unwrap();
        let session = crate::dialogue::Session { bridge, client: (), peer, syslog, house };
        let over = session.ends("local_eof", 74);
        let (heard, written, end) = over.peer;
        assert_eq!((heard, end), (written, Received::CloseNotify));
        assert!(over.line.contains(&format!(" up={} ", written + EHLO_TO_DATA)), "{}", over.line);
    });
}

/// What the client says in `DATA`.
const EHLO_TO_DATA: usize = {
    let (mut n, mut at) = (0, 0);
    while at < DATA.len() {
        n += DATA[at].0.len();
        at += 1;
    }
    n
};

/// Goal: an upload that is slow is no idle session, however long a piece of it takes. In a network of small packets and
/// buffers, in which a send goes on in small steps.
#[test]
fn a_slow_upload_is_not_idle() {
    inside_for(Duration::from_secs(60), || {
        if without_hooks() {
            return;
        }
        sh("ip link set lo mtu 1500; echo 4096 16384 32768 > /proc/sys/net/ipv4/tcp_wmem");
        let house = House::new();
        let tls = Arc::new(house.leaf.server(rustls::ALL_VERSIONS));
        let peer = Peer::listener(move |listener| {
            SockRef::from(listener).set_recv_buffer_size(16 * 1024).unwrap();
            let mut link = Link::new(accept(listener), &tls);
            link.handshake();
            link.say(GREETING);
            let (start, mut some) = (Instant::now(), [0; 4096]);
            // Twice the timeout.
            while start.elapsed() < Duration::from_secs(20) {
                let n = link.tcp.read(&mut some).unwrap();
                let mut segment = &some[..n];
                while !segment.is_empty() {
                    link.tls.read_tls(&mut segment).unwrap();
                    link.tls.process_new_packets().unwrap();
                    let _ = link.tls.reader().read_to_end(&mut Vec::new());
                }
                // The scenario: 10 KiB a second.
                thread::sleep(millis(400));
            }
            link.say("421 4.3.0 too slow for me\r\n");
            link.close_notify();
            link
        });
        // 10 s.
        let start = house.bridge(peer.host()).args(["--setup-timeout", "3600", "--idle-timeout", "900"]).speed(90);
        // Of a Unix socket whole pieces are read, of which each takes longer than the timeout.
        let (bridge, mut client) = start.unix_socket();
        client.expect(GREETING);
        let mut writer = client.try_clone().unwrap();
        let writing = thread::spawn(move || while writer.write_all(&[b'x'; 64 * 1024]).is_ok() {});
        let heard = client.rest();
        assert_eq!(String::from_utf8_lossy(&heard), "421 4.3.0 too slow for me\r\n", "{}", bridge.log());
        drop(peer.done());
        drop(client);
        bridge.finish().assert("close_notify", 0);
        writing.join().unwrap();
    });
}
