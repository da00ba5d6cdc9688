//! systemd: the printed units under a systemd that is process 1 of the test's machine, and systemd-socket-activate.

use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::reach::lookup::{name_server, NO_ERROR};
use crate::support::limit::{skip, until};
use crate::support::namespace::{inside_for, without_tool};
use crate::support::smarthost::Smarthost;
use crate::support::talk::{Hear, Talk};
use crate::support::tested::{tested, Role};

use crate::real::machine::Machine;
use crate::real::{fails, relays, serves, Provider, LIMIT, NAME};

use super::SHOWN;

/// Goal: systemd-analyze finds nothing to say about the units.
#[test]
fn systemd_analyze_verifies_the_units() {
    inside_for(LIMIT, || {
        if without_tool("systemd-analyze") {
            return;
        }
        let Some(machine) = Machine::boot(&[]) else { return };
        let provider = Provider::new();
        for options in [String::new(), provider.identity()] {
            write_units(&machine, &provider, &provider.good, &options);
            machine.sh("systemd-sysusers && getent passwd smtps-bridge");
            let units = "smtps-bridge.socket smtps-bridge@.service";
            let said = machine.sh(&format!("cd /etc/systemd/system && systemd-analyze verify --man=no {units}"));
            assert_eq!(said, "");
        }
    });
}

/// Goal: what systemd itself measures of the service's rights (0 is best, 10 worst) is under 2.0.
#[test]
fn systemd_analyze_finds_the_service_exposed_by_less_than_2() {
    inside_for(LIMIT, || {
        if without_tool("systemd-analyze") {
            return;
        }
        let Some(machine) = Machine::boot(&[]) else { return };
        let provider = Provider::new();
        for options in [String::new(), provider.identity()] {
            write_units(&machine, &provider, &provider.good, &options);
            let said = machine.run(
                "cd /etc/systemd/system && systemd-analyze security --no-pager --offline=true ./smtps-bridge@.service",
            );
            if said.text.contains("unrecognized option") {
                return skip("needs systemd-analyze security --offline (systemd 250)");
            }
            let figure = said.text.rsplit_once(".service: ").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
            let figure: f64 = figure.unwrap_or_else(|| panic!("no figure in:\n{}", said.text));
            assert!(figure < 2.0, "{}", said.text);
        }
    });
}

/// Goal: the walls of the unit leave the bridge's own ones standing: Landlock as far as the kernel has it, the limits of
/// a session, a name server's word. And they stand: a filter of system calls is in force, and the service sees no process but its own.
#[test]
fn systemd_s_walls_and_those_of_the_bridge_stand_together() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = boot(&provider, &provider.good, "-v") else { return };
        let landlock = |log: &str| {
            let word = log.split_once("confined landlock=").and_then(|(_, rest)| rest.split_whitespace().next());
            word.unwrap_or_else(|| panic!("no word of Landlock in {log}")).to_owned()
        };
        let by_hand = machine.path("by-hand").display().to_string();
        let words = provider.words(&provider.good);
        machine.sh(&format!("printf 'QUIT\\r\\n' | smtps-bridge -v --log stderr {words} 2> {by_hand} > /dev/null"));
        let by_hand = fs::read_to_string(by_hand).expect("its log");
        // Its name is known to a name server alone, from here on.
        machine.sh("echo '127.0.0.1 localhost' > /etc/hosts");
        name_server(NO_ERROR, Some(Ipv4Addr::LOCALHOST));
        let mut client = machine.client();
        assert!(client.line().starts_with("220 "));
        assert_eq!(landlock(&machine.syslog.line("confined ")), landlock(&by_hand));
        let state = machine
            .sh("cd /proc/$(pidof smtps-bridge); grep Seccomp: status; grep processes limits; grep ' /proc ' mounts");
        let words: Vec<&str> = state.split_whitespace().collect();
        assert_eq!(words[..6], ["Seccomp:", "2", "Max", "processes", "0", "0"], "{state}");
        assert!(state.contains("hidepid=invisible") && state.contains("subset=pid"), "{state}");
        client.say("QUIT\r\n");
        client.rest();
    });
}

/// Goal: systemd-socket-activate, which does Accept=yes without a systemd, starts a session a connection.
#[test]
fn systemd_socket_activate_relays_a_message_and_a_burst() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = activate(&provider, &provider.good) else { return };
        serves(&machine, &provider);
    });
}

#[test]
fn systemd_socket_activate_hands_on_the_reason_to_a_queue_of_300() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = activate(&provider, &provider.expired) else { return };
        fails(&machine, 300);
        tested(Role::Superserver, "systemd-activate", "systemd-socket-activate", &systemd_version(&machine), SHOWN);
    });
}

/// Goal: the printed units carry mail with AUTH, as their own user, and 20 sessions at once.
#[test]
fn systemd_relays_a_message_and_a_burst() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = boot(&provider, &provider.good, "") else { return };
        let mut client = machine.client();
        assert!(client.line().starts_with("220 "));
        assert_eq!(machine.sh("ps -o user:20= -C smtps-bridge").trim(), "smtps-bridge");
        client.say("QUIT\r\n");
        client.rest();
        serves(&machine, &provider);
    });
}

/// Goal: a key of root's, mode 0600, reaches the service as a credential; nothing of the service is root's.
#[test]
fn systemd_hands_the_key_to_the_service() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = boot(&provider, &provider.good, &provider.identity()) else { return };
        let mut client = machine.client();
        assert!(client.line().starts_with("220 "), "{:?}\n{}", machine.syslog.lines(), machine.console());
        assert_eq!(machine.sh("ps -o user:20= -C smtps-bridge").trim(), "smtps-bridge");
        client.say("QUIT\r\n");
        client.rest();
    });
}

/// A bug that was: `--user root` made a service that always failed, because the bridge did not know it and looked for
/// `nobody`. Now it stays root, and has none of root's rights.
#[test]
fn systemd_serves_with_user_root() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = boot(&provider, &provider.good, "--user root") else { return };
        let mut client = machine.client();
        assert!(client.line().starts_with("220 "), "{:?}", machine.syslog.lines());
        let state = machine.sh("grep -E '^(Uid|CapEff|CapBnd):' /proc/$(pidof smtps-bridge)/status");
        let words: Vec<&str> = state.split_whitespace().collect();
        let none = "0000000000000000";
        assert_eq!(words, ["Uid:", "0", "0", "0", "0", "CapEff:", none, "CapBnd:", none]);
        client.say("QUIT\r\n");
        client.rest();
    });
}

/// Goal: words with characters that mean something to systemd reach the bridge as they are: it finds the file.
#[test]
fn systemd_reads_the_words_as_they_were_given() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let file = provider.house.dir.write("a b%i${HOME}\"'\\.pem", provider.house.ca.pem());
        let Some(machine) = boot(&provider, &provider.good, "") else { return };
        machine.write("words", &format!("{}", file.display()));
        machine.sh(&format!(
            "smtps-bridge --print-config systemd.service --ca-file \"$(cat \"{}\")\" {NAME}:{} > {SERVICE}\n\
             systemctl daemon-reload",
            machine.path("words").display(),
            provider.good.addr.port()
        ));
        let greeting = machine.client().line();
        assert!(greeting.starts_with("220 "), "{greeting}\n{}", machine.sh(&format!("cat {SERVICE}")));
    });
}

/// Goal: 500 failing sessions neither pile up as failed units nor stop the socket; then a good one goes through.
#[test]
fn systemd_takes_500_failures_and_then_a_message() {
    inside_for(LIMIT, || {
        let provider = Provider::new();
        let Some(machine) = boot(&provider, &provider.expired, "") else { return };
        fails(&machine, 500);
        until(Duration::from_secs(10), "no instance is left", || {
            !machine.sh("systemctl list-units --all --no-legend 'smtps-bridge@*'").contains("smtps-bridge@")
        });
        assert_eq!(machine.sh("systemctl is-active smtps-bridge.socket"), "active\n");
        // The certificate has been renewed.
        write_units(&machine, &provider, &provider.good, "");
        machine.sh("systemctl daemon-reload");
        relays(&machine, &provider);
        tested(Role::Superserver, "systemd", "systemd", &systemd_version(&machine), SHOWN);
    });
}

fn activate(provider: &Provider, smarthost: &Smarthost) -> Option<Machine> {
    if without_tool("systemd-socket-activate") {
        return None;
    }
    let machine = Machine::boot(&[])?;
    let service = provider.printed(&machine, "systemd.service", smarthost);
    let command = service.lines().find_map(|line| line.strip_prefix("ExecStart=-")).expect("a command");
    machine.sh(&format!(
        "setpriv --reuid=nobody --regid=nogroup --clear-groups \
         systemd-socket-activate --accept --inetd --listen=127.0.0.1:2525 {command} </dev/null >/dev/null 2>&1 &"
    ));
    machine.until_listening();
    Some(machine)
}

fn boot(provider: &Provider, smarthost: &Smarthost, options: &str) -> Option<Machine> {
    let machine = empty()?;
    write_units(&machine, provider, smarthost, options);
    machine.sh("systemd-sysusers && systemctl daemon-reload && systemctl enable --now smtps-bridge.socket");
    machine.until_listening();
    Some(machine)
}

/// A systemd with nothing to do.
pub fn empty() -> Option<Machine> {
    Machine::boot_systemd(|units| {
        // What our units are ordered against, without what else a machine does at boot.
        for target in ["basic", "shutdown", "sockets", "sysinit", "test"] {
            fs::write(units.join(format!("{target}.target")), "[Unit]\nDefaultDependencies=no\n").expect("a unit file");
        }
    })
}

fn write_units(machine: &Machine, provider: &Provider, smarthost: &Smarthost, options: &str) {
    machine.sh("mkdir -p /etc/sysusers.d");
    for (kind, file) in [("systemd.socket", SOCKET), ("systemd.service", SERVICE), ("systemd.sysusers", USER)] {
        machine.write(file, &provider.printed(machine, &format!("{kind} {options}"), smarthost));
    }
}

fn systemd_version(machine: &Machine) -> String {
    machine.sh("systemctl --version | sed -n '1s/.*(\\(.*\\)).*/\\1/p'").trim().to_owned()
}

const SOCKET: &str = "/etc/systemd/system/smtps-bridge.socket";
const SERVICE: &str = "/etc/systemd/system/smtps-bridge@.service";
const USER: &str = "/etc/sysusers.d/smtps-bridge.conf";
