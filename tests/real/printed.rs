//! `--print-config` on a machine where the bridge is /usr/bin/smtps-bridge: the ready files, and what it finds there.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use smtps_bridge::setup::kinds;

use crate::setup::ready::ready;
use crate::support::namespace::{inside_for, sh};
use crate::support::talk::Hear;

use super::machine::Machine;
use super::{Provider, LIMIT, NAME};

/// Goal: what is printed is what lies ready, byte for byte, also for the user `nobody`.
#[test]
fn the_installed_program_prints_the_ready_files() {
    inside_for(LIMIT, || {
        let Some(machine) = Machine::boot(&[]) else { return };
        for kind in kinds() {
            let command = format!("smtps-bridge --print-config {} {NAME}", kind.name);
            let user = "setpriv --reuid=65534 --regid=65534 --clear-groups";
            assert_eq!(machine.sh(&format!("{user} {command} 2>&1")), ready(kind.name), "{}", kind.name);
        }
    });
}

/// Goal: an inetd or xinetd that was installed is the one that is used.
#[test]
fn without_a_kind_the_superserver_is_that_of_the_machine() {
    inside_for(LIMIT, || {
        for (peer, name) in [("openbsd-inetd", "inetd-debian"), ("xinetd", "xinetd")] {
            let Some(machine) = Machine::boot(&[peer]) else { return };
            assert_eq!(kinds_found(&machine), [name]);
        }
    });
}

/// Goal: sendmail starts the bridge itself, so it is all there is to set up, even if there is an inetd.
#[test]
fn without_a_kind_a_sendmail_is_enough() {
    inside_for(LIMIT, || {
        let Some(machine) = Machine::boot(&["openbsd-inetd", "sendmail"]) else { return };
        assert_eq!(kinds_found(&machine), ["sendmail"]);
    });
}

/// A bug that was: with sendmail here, `--listen` was dropped, and nothing listened for the scanner.
#[test]
fn with_listen_there_is_a_listener_beside_a_sendmail() {
    inside_for(LIMIT, || {
        let Some(machine) = Machine::boot(&["openbsd-inetd", "sendmail"]) else { return };
        let words = "--listen 192.168.1.5:2525 --allow-from 192.168.1.20";
        let printed = machine.sh(&format!("smtps-bridge --print-config {words} {NAME}"));
        assert_eq!(headings(&printed), ["inetd-debian", "sendmail-port"]);
        let line = format!("smtps-bridge --allow-from 192.168.1.20 --require-auth {NAME}\n");
        assert!(printed.contains("\n192.168.1.5:2525 stream tcp4 ") && printed.contains(&line), "{printed}");
        assert!(printed.contains("relay:[192.168.1.5]") && printed.contains("TCP $h 2525"), "{printed}");
    });
}

/// A bug that was: Debian keeps the configuration of a package that was removed, and it was taken for the program.
#[test]
fn a_configuration_that_is_left_over_is_no_sendmail() {
    inside_for(LIMIT, || {
        let Some(machine) = Machine::boot(&["openbsd-inetd", "dma"]) else { return };
        machine.sh("mkdir -p /etc/mail /etc/postfix && touch /etc/mail/sendmail.cf /etc/postfix/main.cf");
        assert_eq!(kinds_found(&machine), ["inetd-debian", "dma"]);
    });
}

/// Goal: busybox has an inetd in the same place, as a link to itself.
#[test]
fn without_a_kind_the_inetd_of_busybox_gets_its_own_line() {
    inside_for(LIMIT, || {
        let Some(machine) = Machine::boot(&["busybox"]) else { return };
        assert_eq!(kinds_found(&machine), ["inetd-busybox"]);
    });
}

/// The kinds in the headings, each with its ready files behind it.
#[track_caller]
fn kinds_found(machine: &Machine) -> Vec<String> {
    let printed = machine.sh(&format!("smtps-bridge --print-config {NAME}"));
    let names = headings(&printed);
    for name in &names {
        assert!(printed.contains(&ready(name)), "{printed}");
    }
    names
}

fn headings(printed: &str) -> Vec<String> {
    let headings = printed.lines().filter_map(|line| line.strip_prefix("## ")?.split_once(" is here: "));
    headings.filter_map(|(_, kind)| Some(kind.split(' ').next()?.to_owned())).collect()
}

/// Goal: if there is no inetd, the lines are systemd's, and the first line says why.
#[test]
fn without_a_kind_and_without_an_inetd_the_lines_are_those_of_systemd() {
    inside_for(LIMIT, || {
        let Some(machine) = Machine::boot(&[]) else { return };
        if machine.run("ls /usr/sbin/inetd /usr/sbin/xinetd").code == Some(0) {
            return;
        }
        let printed = machine.sh(&format!("smtps-bridge --print-config {NAME}"));
        assert!(
            printed.starts_with("## there is no inetd here, and no systemd runs now; still: systemd ("),
            "{printed}"
        );
        machine.sh("mkdir -p /run/systemd/system");
        let printed = machine.sh(&format!("smtps-bridge --print-config {NAME}"));
        assert!(printed.starts_with("## there is no inetd here, and systemd runs: systemd ("), "{printed}");
    });
}

/// Goal: the scanner in the corner: a line for an address of the network serves the device that it names, and gives another
/// one the reason why it is not served.
#[test]
fn a_line_for_a_network_serves_the_device_that_it_names() {
    inside_for(LIMIT, || {
        sh("ip address add 192.168.1.5/24 dev lo; ip address add 192.168.1.20/24 dev lo; \
            ip address add 192.168.1.21/24 dev lo");
        let Some(machine) = Machine::boot(&["xinetd"]) else { return };
        let provider = Provider::new();
        let words = "xinetd --listen 192.168.1.5:2525 --allow-from 192.168.1.20";
        machine.write("/etc/xinetd.d/smtps-bridge", &provider.printed(&machine, words, &provider.good));
        machine.sh("xinetd");
        // The address itself is this machine.
        drop(machine.client_of("192.168.1.5:2525"));
        assert!(from("192.168.1.20").line().starts_with("220 "));
        let reply = from("192.168.1.21").line();
        assert!(reply.starts_with("421 4.7.0 "), "{reply}");
        assert!(TcpStream::connect("127.0.0.1:2525").is_err());
    });
}

/// A client on this address of the machine.
fn from(address: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::new(address.parse().expect("an address"), 0).into()).expect("an address of ours");
    socket.connect(&SocketAddr::from(([192, 168, 1, 5], 2525)).into()).expect("a connection");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a read timeout");
    socket.into()
}
