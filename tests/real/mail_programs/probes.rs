//! Monitors and load balancers, which only look whether the port is open. None of them says QUIT.

use std::fs;

use crate::support::limit::until;
use crate::support::namespace::inside_for;
use crate::support::talk::Hear;
use crate::support::tested::{tested, Role};

use crate::real::machine::{version, Machine};
use crate::real::smarthosts::postfix::postfix;
use crate::real::smarthosts::Server;
use crate::real::superservers::inetd;
use crate::real::{LIMIT, NAME};

use super::PATIENCE;

const PROBES: usize = 30;
/// How many of their sessions may overlap on a busy machine.
const FEW: usize = 10;

/// Goal: HAProxy's health check, which reads the greeting and is gone, by RST: sessions at the smarthost do not add up,
/// and none is left. (The check of its own that only connects never gets as far as inetd: it does not end TCP's handshake.)
#[test]
fn haproxy_that_probes_the_port_leaves_no_session_open() {
    inside_for(LIMIT, || {
        let Some((smarthost, machine)) = bridged(&["haproxy"]) else { return };
        machine.write("/etc/haproxy/probe.cfg", CONF);
        machine.sh("haproxy -D -p /run/haproxy.pid -f /etc/haproxy/probe.cfg");
        until(PATIENCE, "all probes have their lines", || {
            assert!(open() <= FEW, "more than {FEW} sessions at once: {:#?}", lines(&machine));
            lines(&machine).len() >= PROBES
        });
        machine.sh("kill $(cat /run/haproxy.pid)");
        nothing_is_left(&smarthost, &machine);
        let result = "a check of the greeting every 200 ms leaves no session open at the smarthost";
        tested(Role::Monitor, "haproxy", "HAProxy", &version("haproxy"), result);
    });
}

/// Goal: the same of a monitor that reads the greeting and closes as usual, by FIN.
#[test]
fn a_monitor_that_reads_the_greeting_leaves_no_session_open() {
    inside_for(LIMIT, || {
        probes(|machine| {
            let greeting = machine.client().line();
            assert!(greeting.starts_with("220 "), "{greeting:?}");
        });
    });
}

/// Goal: the same of one that only connects.
#[test]
fn a_monitor_that_only_connects_leaves_no_session_open() {
    inside_for(LIMIT, || {
        probes(|machine| {
            let begun = lines(machine).len();
            drop(machine.client());
            until(PATIENCE, "the probe has its line", || lines(machine).len() > begun);
        });
    });
}

fn probes(probe: impl Fn(&Machine)) {
    let Some((smarthost, machine)) = bridged(&[]) else { return };
    for _ in 0..PROBES {
        probe(&machine);
        assert!(open() <= FEW, "more than {FEW} sessions at once: {:#?}", lines(&machine));
    }
    until(PATIENCE, "all probes have their lines", || lines(&machine).len() == PROBES);
    nothing_is_left(&smarthost, &machine);
}

/// A Postfix as the smarthost, and a machine on which inetd listens.
fn bridged(peers: &[&str]) -> Option<(Server, Machine)> {
    let smarthost = postfix("")?;
    let machine = Machine::boot(&[&["openbsd-inetd"], peers].concat())?;
    let words = format!("--ca-file {} {NAME}", smarthost.house.dir.path("ca.pem").display());
    inetd::start(&machine, &machine.sh(&format!("smtps-bridge --print-config inetd-debian {words}")));
    Some((smarthost, machine))
}

/// No session is there now, and none was worth a warning.
#[track_caller]
fn nothing_is_left(smarthost: &Server, machine: &Machine) {
    smarthost.until("no connection is open", || open() == 0);
    for line in lines(machine) {
        // <22>: facility mail, severity info.
        assert!(line.starts_with("<22>"), "{line}");
    }
}

fn lines(machine: &Machine) -> Vec<String> {
    let ours =
        |line: &String| line.contains("smtps-bridge[") && (line.contains(": closed ") || line.contains(": failed "));
    machine.syslog.lines().into_iter().filter(ours).collect()
}

/// Connections that the smarthost has on port 465.
fn open() -> usize {
    let table = fs::read_to_string("/proc/self/net/tcp").unwrap_or_default();
    let of_the_smarthost = |line: &&str| line.split_whitespace().nth(1).is_some_and(|local| local.ends_with(":01D1"));
    // States as proc(5) writes them: LISTEN and TIME_WAIT are no connection of a process.
    let state = |line: &str| line.split_whitespace().nth(3).is_some_and(|state| state != "0A" && state != "06");
    table.lines().filter(of_the_smarthost).filter(|line| state(line)).count()
}

const CONF: &str = "defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen probe
  bind 127.0.0.1:2526
  option tcp-check
  tcp-check connect
  tcp-check expect rstring ^220
  server bridge 127.0.0.1:2525 check inter 200ms
";
