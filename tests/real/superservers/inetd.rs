//! openbsd-inetd with the line of `--print-config inetd-debian`, plain and behind tcpd.

use crate::support::namespace::inside_for;
use crate::support::smarthost::Smarthost;
use crate::support::talk::{Hear, Talk};
use crate::support::tested::{tested, Role};

use crate::real::machine::{version, Machine};
use crate::real::{answered, fails, refuses, serves, Provider, LIMIT};

use super::SHOWN;

const KIND: &str = "inetd-debian";

/// Goal: the printed line carries mail with AUTH, and 20 sessions at once.
#[test]
fn openbsd_inetd_relays_a_message_and_a_burst() {
    inside_for(LIMIT, || {
        let Some(machine) = Machine::boot(&["openbsd-inetd"]) else { return };
        let provider = Provider::new();
        start(&machine, &provider.printed(&machine, KIND, &provider.good));
        serves(&machine, &provider);
    });
}

/// Goal: the reason reaches the client through the socket that inetd accepted, and the limit of starts in the line lets
/// a queue of 300 messages through, above inetd's own 256.
#[test]
fn openbsd_inetd_hands_on_the_reason_to_a_queue_of_300() {
    inside_for(LIMIT, || {
        let Some(machine) = Machine::boot(&["openbsd-inetd"]) else { return };
        let provider = Provider::new();
        start(&machine, &provider.printed(&machine, KIND, &provider.expired));
        fails(&machine, 300);
        tested(Role::Superserver, "inetd-openbsd", "openbsd-inetd", &version("openbsd-inetd"), SHOWN);
    });
}

/// Goal: the number in the line is needed, as its comment says: without it inetd stops before the queue is through.
#[test]
fn openbsd_inetd_without_the_limit_of_the_line_stops_in_a_queue_of_300() {
    inside_for(LIMIT, || {
        let Some(machine) = Machine::boot(&["openbsd-inetd"]) else { return };
        let provider = Provider::new();
        let lines = provider.printed(&machine, KIND, &provider.expired);
        start(&machine, &lines.replace(" nowait.6000 ", " nowait "));
        let answered = answered();
        assert!((200..300).contains(&answered), "{answered}");
    });
}

/// Goal: the other loopback is as good: inetd understands the printed form of an IPv6 address.
#[test]
fn openbsd_inetd_listens_on_ipv6_loopback() {
    inside_for(LIMIT, || {
        let Some(machine) = Machine::boot(&["openbsd-inetd"]) else { return };
        let provider = Provider::new();
        let lines = provider.printed(&machine, &format!("{KIND} --listen [::1]:2525"), &provider.good);
        machine.write("/etc/inetd.conf", &lines);
        machine.sh("inetd");
        let mut client = machine.client_of("[::1]:2525");
        assert!(client.line().starts_with("220 "));
        client.say("QUIT\r\n");
        client.rest();
        assert!(machine.syslog.line("closed ").contains(" client=[::1]:"));
    });
}

/// Goal: a key that only root can read: inetd starts the bridge as root, which drops to `nobody` by itself.
#[test]
fn openbsd_inetd_starts_a_bridge_with_a_key() {
    inside_for(LIMIT, || {
        let Some(machine) = Machine::boot(&["openbsd-inetd"]) else { return };
        let provider = Provider::new();
        let identity = provider.identity();
        start(&machine, &provider.printed(&machine, &format!("{KIND} {identity}"), &provider.good));
        let mut client = machine.client();
        assert!(client.line().starts_with("220 "), "{:?}", machine.syslog.lines());
        assert_eq!(machine.sh("ps -o user= -C smtps-bridge").trim(), "nobody");
        client.say("QUIT\r\n");
        client.rest();
    });
}

/// Goal: the longest command that is printed is read to its end: the last of its hosts is the only one that answers.
#[test]
fn openbsd_inetd_reads_the_20th_word() {
    inside_for(LIMIT, || {
        let Some(machine) = Machine::boot(&["openbsd-inetd"]) else { return };
        let provider = Provider::new();
        // Two words for --ca-file, one for --require-auth, the program's own name, the good host, and these.
        let kind = format!("{KIND}{}", " 127.0.0.1:1".repeat(15));
        let lines = provider.printed(&machine, &kind, &provider.good);
        let line = lines.lines().find(|line| !line.starts_with('#')).expect("a line");
        assert_eq!(line.split(' ').skip_while(|word| *word != "smtps-bridge").count(), 20, "{line}");
        start(&machine, &lines);
        let greeting = machine.client().line();
        assert!(greeting.starts_with("220 "), "{greeting}");
    });
}

/// Goal: the two commented lines for users of tcpd let this machine through under "ALL: ALL" denied.
#[test]
fn tcpd_relays_a_message() {
    inside_for(LIMIT, || {
        let Some((machine, provider)) = behind_tcpd(|provider| &provider.good) else { return };
        serves(&machine, &provider);
    });
}

#[test]
fn tcpd_hands_on_the_reason() {
    inside_for(LIMIT, || {
        let Some((machine, _provider)) = behind_tcpd(|provider| &provider.expired) else { return };
        refuses(&machine);
        let what = "mail with AUTH, 20 sessions at once, the reason whole, under ALL: ALL denied";
        tested(Role::Superserver, "inetd-tcpd", "tcpd behind openbsd-inetd", &version("tcpd"), what);
    });
}

/// Goal: as the comment says, there is no greeting at all without the line for hosts.allow.
#[test]
fn tcpd_without_its_line_gives_no_greeting() {
    inside_for(LIMIT, || {
        let Some(machine) = Machine::boot(&["openbsd-inetd", "tcpd"]) else { return };
        let provider = Provider::new();
        machine.write("/etc/hosts.deny", "ALL: ALL\n");
        machine.write("/etc/hosts.allow", "");
        start(&machine, &commented(&provider.printed(&machine, KIND, &provider.good), "inetd.conf"));
        assert_eq!(machine.client().line(), "");
        assert_eq!(provider.good.sessions(), 0);
    });
}

fn behind_tcpd(smarthost: fn(&Provider) -> &Smarthost) -> Option<(Machine, Provider)> {
    let machine = Machine::boot(&["openbsd-inetd", "tcpd"])?;
    let provider = Provider::new();
    let lines = provider.printed(&machine, KIND, smarthost(&provider));
    machine.write("/etc/hosts.deny", "ALL: ALL\n");
    machine.write("/etc/hosts.allow", &commented(&lines, "hosts.allow"));
    start(&machine, &commented(&lines, "inetd.conf"));
    Some((machine, provider))
}

/// The line that stands as a comment, marked with the file into which it goes.
pub fn commented(lines: &str, file: &str) -> String {
    let mark = format!("#{file}: ");
    let found: Vec<&str> = lines.lines().filter_map(|line| line.strip_prefix(&mark)).collect();
    let [line] = found.as_slice() else { panic!("one line for {file}, not {found:?}") };
    format!("{line}\n")
}

pub fn start(machine: &Machine, lines: &str) {
    machine.write("/etc/inetd.conf", lines);
    machine.sh("inetd");
    machine.until_listening();
}
