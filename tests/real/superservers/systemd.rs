//! systemd: the shipped units under a systemd that is process 1 of the test's machine, and systemd-socket-activate.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::support::limit::until;
use crate::support::namespace::{inside_for, without_tool};
use crate::support::smarthost::Smarthost;
use crate::support::talk::{Hear, Talk};

use crate::real::machine::Machine;
use crate::real::{refuses, refuses_a_queue, relays, Provider, LIMIT};

const SOCKET: &str = include_str!("../../../packaging/systemd/smtps-bridge.socket");
const USER: &str = include_str!("../../../packaging/systemd/smtps-bridge.sysusers.conf");
const SERVICE: &str = "systemd/smtps-bridge@.service";

/// Goal: systemd-analyze finds nothing to say about the units.
#[test]
fn systemd_analyze_verifies_the_units() {
    inside_for(LIMIT, || {
        if without_tool("systemd-analyze") {
            return;
        }
        let Some(machine) = Machine::boot(&[]) else { return };
        let provider = Provider::new();
        machine.sh("mkdir -p /etc/sysusers.d");
        machine.write("/etc/sysusers.d/smtps-bridge.conf", USER);
        machine.sh("systemd-sysusers && getent passwd smtps-bridge");
        machine.write("/etc/systemd/system/smtps-bridge.socket", SOCKET);
        machine.write("/etc/systemd/system/smtps-bridge@.service", &provider.shipped(SERVICE, &provider.good));
        let said = machine
            .sh("cd /etc/systemd/system && systemd-analyze verify --man=no smtps-bridge.socket smtps-bridge@.service");
        assert_eq!(said, "");
    });
}

/// Goal: systemd-socket-activate, which does Accept=yes without a systemd, starts a session a connection.
#[test]
fn systemd_socket_activate_relays_a_message() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = activate(&provider, &provider.good) else { return };
        relays(&machine, &provider);
    });
}

#[test]
fn systemd_socket_activate_hands_on_the_reason() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = activate(&provider, &provider.expired) else { return };
        refuses(&machine);
    });
}

/// Goal: the shipped units carry mail with AUTH, as their own user.
#[test]
fn systemd_relays_a_message() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = boot(&provider, &provider.good) else { return };
        let mut client = machine.client();
        assert!(client.line().starts_with("220 "));
        assert_eq!(machine.sh("ps -o user:20= -C smtps-bridge").trim(), "smtps-bridge");
        client.say("QUIT\r\n");
        client.rest();
        relays(&machine, &provider);
    });
}

/// Goal: 500 failing sessions neither pile up as failed units nor stop the socket; then a good one goes through.
#[test]
fn systemd_takes_500_failures_and_then_a_message() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = boot(&provider, &provider.expired) else { return };
        refuses_a_queue(&machine, 500);
        until(Duration::from_secs(10), "no instance is left", || {
            !machine.sh("systemctl list-units --all --no-legend 'smtps-bridge@*'").contains("smtps-bridge@")
        });
        assert_eq!(machine.sh("systemctl is-active smtps-bridge.socket"), "active\n");
        // The certificate has been renewed.
        write_service(&machine, &provider, &provider.good);
        machine.sh("systemctl daemon-reload");
        relays(&machine, &provider);
    });
}

fn activate(provider: &Provider, smarthost: &Smarthost) -> Option<Machine> {
    if without_tool("systemd-socket-activate") {
        return None;
    }
    let machine = Machine::boot(&[])?;
    let service = provider.shipped(SERVICE, smarthost);
    let command = service.lines().find_map(|line| line.strip_prefix("ExecStart=-")).expect("a command");
    machine.sh(&format!(
        "setpriv --reuid=nobody --regid=nogroup --clear-groups \
         systemd-socket-activate --accept --inetd --listen=127.0.0.1:2525 {command} </dev/null >/dev/null 2>&1 &"
    ));
    machine.until_listening();
    Some(machine)
}

fn boot(provider: &Provider, smarthost: &Smarthost) -> Option<Machine> {
    let service = provider.shipped(SERVICE, smarthost);
    Machine::boot_systemd(|units| {
        let write = |name: &str, text: &str| fs::write(units.join(name), text).expect("a unit file");
        write("smtps-bridge.socket", SOCKET);
        write("smtps-bridge@.service", &service);
        write("smtps-bridge.sysusers.conf", USER);
        // What the units are ordered against, without what else a machine does at boot.
        for target in ["basic", "shutdown", "sockets", "sysinit"] {
            write(&format!("{target}.target"), "[Unit]\nDefaultDependencies=no\n");
        }
        write("test.target", "[Unit]\nRequires=smtps-bridge.socket\nAfter=smtps-bridge.socket\n");
    })
    .inspect(|machine| machine.until_listening())
}

fn write_service(machine: &Machine, provider: &Provider, smarthost: &Smarthost) {
    let name = Path::new("units").join("smtps-bridge@.service");
    machine.write(&name.to_string_lossy(), &provider.shipped(SERVICE, smarthost));
}
