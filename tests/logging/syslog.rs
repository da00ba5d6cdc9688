//! syslogd in every state: the mail goes through in time, and if there can be a line, there is one.

use std::path::Path;

use crate::support::bridge::House;
use crate::support::limit::{until, within, without_hooks, without_root, USUAL};
use crate::support::mail;
use crate::support::peer::nobody_listens;
use crate::support::smarthost::Smarthost;
use crate::support::syslog::{absent, Syslog};
use crate::support::talk::Hear;

/// One message by one socket as 0, 1 and 2, with syslogd at `path`. A syslogd that holds us holds us for ever.
fn mail_goes_through(house: &House, path: &Path) -> Smarthost {
    let smarthost = mail::smarthost(&house.leaf);
    let (bridge, mut client) = house.bridge(smarthost.host()).arg("-v").syslog(path).inetd();
    mail::submit(&mut client.try_clone().unwrap(), &mut client);
    assert!(client.rest().is_empty());
    drop(client);
    assert_eq!(bridge.finish().code, 0);
    mail::assert_arrived(&smarthost, 1);
    smarthost
}

/// Goal: the usual case: facility mail, severity info, tag and pid, one datagram, no time stamp of ours.
#[test]
fn a_session_is_one_datagram_of_facility_mail() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let syslog = Syslog::datagram(&house.dir);
        let smarthost = mail::smarthost(&house.leaf);
        let (bridge, mut client) = house.bridge(smarthost.host()).syslog(&syslog.path).inetd();
        let pid = bridge.pid();
        mail::submit(&mut client.try_clone().unwrap(), &mut client);
        drop(client);
        assert_eq!(bridge.finish().code, 0);
        let line = syslog.line("closed ");
        assert!(line.starts_with(&format!("<22>smtps-bridge[{pid}]: closed host=127.0.0.1 ")), "{line}");
        assert_eq!(syslog.lines().len(), 1, "{:?}", syslog.lines());
    });
}

/// Goal: a failure is of severity err.
#[test]
fn a_failure_is_one_datagram_of_severity_err() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let syslog = Syslog::datagram(&house.dir);
        let (bridge, mut client) = house.bridge(nobody_listens().to_string()).syslog(&syslog.path).inetd();
        assert!(String::from_utf8(client.rest()).unwrap().starts_with("421 4.4.1 "));
        drop(client);
        assert_eq!(bridge.finish().code, 75);
        let line = syslog.line("failed ");
        assert!(line.starts_with("<19>smtps-bridge[") && line.contains("reply=\"421 4.4.1\""), "{line}");
        assert_eq!(syslog.lines().len(), 1, "{:?}", syslog.lines());
    });
}

#[test]
fn promise_6_without_syslogd_the_mail_goes_through() {
    if !without_hooks() {
        within(USUAL, || {
            let house = House::new();
            mail_goes_through(&house, &absent(&house.dir));
        });
    }
}

#[test]
fn promise_6_with_a_stale_socket_of_syslogd_the_mail_goes_through() {
    if !without_hooks() {
        within(USUAL, || {
            let house = House::new();
            mail_goes_through(&house, &Syslog::stale(&house.dir));
        });
    }
}

#[test]
fn promise_6_with_a_full_queue_of_syslogd_the_mail_goes_through() {
    if !without_hooks() {
        within(USUAL, || {
            let house = House::new();
            let syslog = Syslog::full(&house.dir);
            mail_goes_through(&house, &syslog.path);
        });
    }
}

#[test]
fn promise_6_with_a_full_backlog_of_a_stream_syslogd_the_mail_goes_through() {
    if !without_hooks() {
        within(USUAL, || {
            let house = House::new();
            let syslog = Syslog::full_stream(&house.dir);
            mail_goes_through(&house, &syslog.path);
        });
    }
}

/// Goal: a file, a directory or anything else in the place of the socket.
#[test]
fn promise_6_with_no_socket_in_the_place_of_syslogd_the_mail_goes_through() {
    if !without_hooks() {
        within(USUAL, || {
            let house = House::new();
            let file = house.dir.write("log", "");
            mail_goes_through(&house, &file);
            assert_eq!(std::fs::read(&file).unwrap(), b"");
        });
    }
}

#[test]
fn a_stream_socket_of_syslogd_gets_the_line() {
    if !without_hooks() {
        within(USUAL, || {
            let house = House::new();
            let syslog = Syslog::stream(&house.dir);
            mail_goes_through(&house, &syslog.path);
            let line = syslog.line("closed ");
            assert!(line.contains("<22>smtps-bridge["), "{line}");
        });
    }
}

/// Goal: EACCES. The socket is root's alone and we are started as somebody else.
#[test]
fn promise_6_with_a_syslogd_that_we_may_not_reach_the_mail_goes_through() {
    if without_hooks() || without_root() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let syslog = Syslog::datagram(&house.dir);
        house.dir.mode("log", 0o600);
        let smarthost = mail::smarthost(&house.leaf);
        let start = house.bridge(smarthost.host()).syslog(&syslog.path).user(65534);
        let (bridge, mut client) = start.inetd();
        mail::submit(&mut client.try_clone().unwrap(), &mut client);
        assert!(client.rest().is_empty());
        drop(client);
        assert_eq!(bridge.finish().code, 0);
        mail::assert_arrived(&smarthost, 1);
        assert!(syslog.lines().is_empty());
    });
}

/// Goal: started as root, the log is opened before rights are dropped: a socket that only root reaches has the line.
#[test]
fn the_log_is_opened_before_root_is_dropped() {
    if without_hooks() || without_root() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let syslog = Syslog::datagram(&house.dir);
        house.dir.mode("log", 0o600);
        mail_goes_through(&house, &syslog.path);
        syslog.line("closed ");
    });
}

/// Goal: syslogd is restarted in the middle of a session: the line at its end goes to the new one.
#[test]
fn a_syslogd_that_is_restarted_in_a_session_gets_the_line() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let old = Syslog::datagram(&house.dir);
        let smarthost = mail::smarthost(&house.leaf);
        let (bridge, mut client) = house.bridge(smarthost.host()).syslog(&old.path).inetd();
        let mut say = client.try_clone().unwrap();
        // The greeting is read by submit: that we are past the start is seen at the smarthost.
        until(USUAL, "there is a session", || smarthost.sessions() == 1);
        old.stop();
        let new = Syslog::datagram(&house.dir);
        mail::submit(&mut client, &mut say);
        assert!(client.rest().is_empty());
        drop((client, say));
        assert_eq!(bridge.finish().code, 0);
        mail::assert_arrived(&smarthost, 1);
        new.line("closed ");
    });
}

/// Goal: syslogd goes away in the middle of a session and does not come back.
#[test]
fn promise_6_a_syslogd_that_goes_away_in_a_session_stops_no_mail() {
    if without_hooks() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let syslog = Syslog::datagram(&house.dir);
        let smarthost = mail::smarthost(&house.leaf);
        let (bridge, mut client) = house.bridge(smarthost.host()).syslog(&syslog.path).inetd();
        until(USUAL, "there is a session", || smarthost.sessions() == 1);
        syslog.stop();
        mail::submit(&mut client.try_clone().unwrap(), &mut client);
        assert!(client.rest().is_empty());
        drop(client);
        assert_eq!(bridge.finish().code, 0);
        mail::assert_arrived(&smarthost, 1);
    });
}
