//! Bugs that were. Each arose because words were replaced wherever they stood.

use std::process::Command;

use crate::setup::{refusal, render, try_render, HOST, PROGRAM};
use crate::support::limit::{within, USUAL};
use crate::support::namespace::without_tool;

/// The bridge did not get its user's name, looked for `nobody`, and had no right to become it. tests/real/ starts such a
/// service.
#[test]
fn user_root_under_systemd_made_a_service_that_always_failed() {
    let text = render("systemd.service", &["--user", "root", HOST]);
    assert!(text.contains("\nUser=root\n") && text.contains("smtps-bridge --user root --log syslog"), "{text}");
}

#[test]
fn a_line_break_or_a_trailing_backslash_in_a_key_wrote_lines_of_the_unit() {
    for key in ["/k\nExecStartPre=/bin/true", "/k\r", "/k\\", "/k "] {
        let sentence = refusal(PROGRAM, "systemd", &["--cert", "/c", "--key", key, HOST]);
        assert!(sentence.contains("rename it"), "{sentence}");
    }
    let text = render("systemd", &["--cert", "/c", "--key", "/a b\\c", HOST]);
    assert!(text.contains("\nLoadCredential=key:/a b\\c\n"), "{text}");
}

#[test]
fn a_line_break_in_a_user_wrote_lines_of_the_unit() {
    for user in ["mail\nExecStartPre=/bin/true", "a b", "%u"] {
        let sentence = refusal(PROGRAM, "systemd", &["--user", user, HOST]);
        assert!(sentence.contains(user.split('\n').next().unwrap()), "{sentence}");
    }
}

#[test]
fn an_ipv6_host_with_a_port_lost_its_brackets_for_opensmtpd() {
    for (host, written) in [
        ("[2001:db8::1]:26", "smtps://provider@[2001:db8::1]:26 auth"),
        ("[2001:db8::1]", "smtps://provider@[2001:db8::1] auth"),
        ("192.0.2.1:26", "smtps://provider@192.0.2.1:26 auth"),
    ] {
        let text = render("opensmtpd", &[host]);
        assert!(text.contains(written), "{text}");
    }
}

#[test]
fn the_pin_and_the_ca_file_vanished_from_opensmtpd_s_lines_without_a_word() {
    let pin = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let text = render("opensmtpd", &["--ca-file", "/ca.pem", "--pin", pin, "-q", HOST, "b.example"]);
    let warning = text.lines().find(|line| line.starts_with("# WARNING: ")).expect("a warning");
    assert!(warning.ends_with(&format!(": --ca-file /ca.pem --pin {pin} b.example")), "{warning}");
    assert!(!render("opensmtpd", &["-q", HOST]).contains("WARNING"));
}

#[test]
fn two_hyphens_stood_in_a_comment_of_the_property_list() {
    within(USUAL, || {
        if without_tool("python3") {
            return;
        }
        for file in ["a---b", "--x", "-----", "a-"] {
            let list = render("launchd", &[&format!("--ca-file=./{file}"), HOST]);
            let parse = "import sys, xml.dom.minidom; xml.dom.minidom.parseString(sys.argv[1])";
            let output = Command::new("python3").args(["-c", parse, &list]).output().unwrap();
            assert!(output.status.success(), "{list}\n{output:?}");
        }
    });
}

#[test]
fn sendmail_port_refused_a_ca_file_with_a_blank_that_is_not_in_its_lines() {
    for kind in ["sendmail-port", "postfix", "exim", "nullmailer", "dma", "msmtp"] {
        assert_eq!(render(kind, &["--ca-file", "/a b.pem", HOST]), render(kind, &[HOST]), "{kind}");
    }
    assert!(refusal(PROGRAM, "sendmail", &["--ca-file", "/a b.pem", HOST]).contains("quotes"));
}

/// "nobody /usr" was replaced whole, so the path was no longer an example.
#[test]
fn a_key_put_the_path_of_the_example_into_the_line_of_inetd() {
    for kind in ["inetd-debian", "inetd-freebsd"] {
        let text = try_render("/opt/bridge", kind, &["--cert", "/c", "--key", "/k", HOST]).unwrap();
        assert!(text.contains(" root /opt/bridge smtps-bridge --cert") && !text.contains(PROGRAM), "{text}");
    }
}

/// A column of the comments was as wide as 127.0.0.1 needs, and nothing more.
#[test]
fn a_long_address_ran_into_the_text_behind_it() {
    for kind in ["inetd-debian", "tcpserver", "s6"] {
        let text = render(kind, &["--listen", "[2001:db8::1234:5678]:26", "--allow-from", "2001:db8::2", HOST]);
        assert!(text.contains("# 2001:db8::1234:5678 Not only this machine: "), "{text}");
    }
}

/// What was filled in must not be taken for an example in its turn.
#[test]
fn a_host_on_the_example_s_address_and_port_stays_as_it_is() {
    let text = render("xinetd", &["--listen", "127.0.0.2:26", "127.0.0.1:2525"]);
    assert!(text.contains("server_args     = --require-auth 127.0.0.1:2525\n"), "{text}");
}
/// tests/real/ has the line run.
#[test]
fn busybox_s_inetd_was_told_tcp4_which_it_does_not_know() {
    let text = render("inetd-busybox", &[HOST]);
    assert!(text.contains("\n127.0.0.1:2525 stream tcp nowait.6000 "), "{text}");
    let text = render("inetd-busybox", &["--listen", "[::1]:26", HOST]);
    assert!(text.contains("\n::1:26 stream tcp6 nowait.6000 "), "{text}");
}
