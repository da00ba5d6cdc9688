//! The word behind `--print-config`: kinds, their other names, the list, and what is a host all the same.

use std::collections::BTreeSet;

use smtps_bridge::cli::{parse, Action};
use smtps_bridge::kinds::{find, near, Wanted, NAMES};

use crate::setup::{lines, print};
use crate::support::limit::{within, USUAL};

/// Goal: a word behind --print-config is a kind if there is one of that name, else a host; `--` makes it a host.
#[test]
fn the_table_tells_a_kind_from_a_host() {
    assert!(matches!(lines(&["--print-config", "xinetd", "a"]).wanted, Wanted::Named("xinetd")));
    assert!(matches!(lines(&["a", "--print-config=xinetd"]).wanted, Wanted::Named("xinetd")));
    assert!(matches!(lines(&["a", "--print-config", "systemd.socket"]).wanted, Wanted::Named("systemd.socket")));
    let found = lines(&["--print-config", "smtp.example.com"]);
    assert!(matches!(found.wanted, Wanted::Found) && found.hosts == ["smtp.example.com"]);
    let found = lines(&["--print-config", "--", "xinetd"]);
    assert!(matches!(found.wanted, Wanted::Found) && found.hosts == ["xinetd"]);
    assert!(matches!(lines(&["--print-config", "list", "a"]).wanted, Wanted::List));
    assert!(matches!(parse(["--print-config", "list"].map(Into::into).to_vec()), Ok(Action::PrintConfig(None))));
    assert!(find("").is_none());
}

/// Goal: what people type is understood.
#[test]
fn a_kind_has_the_names_of_its_programs_too_in_any_case() {
    for (word, name) in [
        ("inetd", "inetd-debian"),
        ("openbsd-inetd", "inetd-debian"),
        ("exim4", "exim"),
        ("SENDMAIL", "sendmail"),
        ("Systemd.Socket", "systemd.socket"),
    ] {
        assert_eq!(lines(&["--print-config", word, "a"]).wanted, Wanted::Named(name), "{word}");
    }
}

/// Goal: one fault is seen in every name that is long enough, and no host is called a fault.
#[test]
fn a_name_with_one_fault_is_known() {
    for name in NAMES.into_iter().filter(|name| name.len() > 5) {
        let (first, rest) = name.split_at(1);
        let (_, wrong) = rest.split_at(1);
        for word in [format!("{first}{wrong}"), format!("{first}#{wrong}"), format!("{name}#")] {
            assert!(near(&word).is_some(), "{word}");
        }
    }
    assert_eq!(near("sendmial"), Some("sendmail"));
    for host in ["smtp", "gmail", "email", "mail", "mailhub", "smtp.example.com", "sendmail.example.com", ""] {
        assert_eq!(near(host), None);
    }
}

/// Goal: the list has every name that --print-config takes, in 80 columns, and needs no host.
#[test]
fn the_list_has_every_kind_and_every_file() {
    within(USUAL, || {
        let list = print(&["list"]);
        let names: BTreeSet<&str> =
            list.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
        assert_eq!(names, NAMES.into());
        assert!(list.lines().all(|line| line.len() <= 80), "{list}");
    });
}

/// Goal: no one has to know that there is a list.
#[test]
fn without_any_other_word_the_list_is_shown() {
    within(USUAL, || assert_eq!(print(&[]), print(&["list"])));
}
