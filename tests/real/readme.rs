//! The README's own commands, taken out of the file, lead to a message: what it says of inetd, xinetd and systemd.

use std::fs;
use std::path::Path;

use crate::support::namespace::{inside_for, without_tool};

use super::machine::Machine;
use super::superservers::systemd;
use super::{Provider, LIMIT, NAME};

#[test]
fn the_commands_of_the_readme_for_inetd_send_a_message() {
    inside_for(LIMIT, || {
        let Some(machine) = Machine::boot(&["openbsd-inetd"]) else { return };
        machine.write("/etc/inetd.conf", "");
        // As its unit does.
        follow(&machine, "### inetd", |command| command.replace("systemctl restart inetd", "inetd"));
    });
}

#[test]
fn the_commands_of_the_readme_for_xinetd_send_a_message() {
    inside_for(LIMIT, || {
        let Some(machine) = Machine::boot(&["xinetd"]) else { return };
        follow(&machine, "### xinetd", |command| command.replace("systemctl restart xinetd", "xinetd -stayalive"));
    });
}

#[test]
fn the_commands_of_the_readme_for_systemd_send_a_message() {
    inside_for(LIMIT, || {
        let Some(machine) = systemd::empty() else { return };
        follow(&machine, "### systemd", str::to_owned);
    });
}

/// Runs the commands of a section, and then the proof; only the smarthost, the account and its password are those of the
/// test, and what is changed by `here`, because there is no systemd.
#[track_caller]
fn follow(machine: &Machine, section: &str, here: fn(&str) -> String) {
    if without_tool("swaks") {
        return;
    }
    let provider = Provider::new();
    for command in code(section) {
        machine.sh(&here(&command).replace(NAME, &provider.words(&provider.good)));
    }
    machine.until_listening();
    let proof = code("## Listeners");
    let [swaks] = proof.as_slice() else { panic!("one command: {proof:?}") };
    machine.sh(&swaks.replace("--auth-user account", "--auth-user alice --auth-password secret"));
    let inbox = provider.good.inbox();
    assert_eq!(inbox.iter().map(|message| message.user.as_str()).collect::<Vec<_>>(), ["alice"]);
}

/// The lines of code below a heading of the README, up to the next heading.
pub fn code(heading: &str) -> Vec<String> {
    let readme = readme();
    let lines = readme.lines().skip_while(|line| *line != heading).skip(1).take_while(|line| !line.starts_with('#'));
    let code: Vec<String> = lines.filter_map(|line| line.strip_prefix("    ")).map(str::to_owned).collect();
    assert!(!code.is_empty(), "nothing below {heading}");
    code
}

pub fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("the README")
}
