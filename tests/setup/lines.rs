//! What is printed.

use std::process::Command;

use smtps_bridge::setup::kinds;

use crate::setup::{print, render, try_render_for, HOST, PROGRAM};
use crate::support::limit::{within, USUAL};
use crate::support::namespace::without_tool;

/// Goal: the example's words are gone when others are given, the program's path and the address included.
#[test]
fn no_word_of_the_example_is_left_when_others_are_given() {
    for kind in kinds() {
        let words = ["--listen", "127.0.0.9:5252", "mail.example.org"];
        let text = super::try_render("/opt/bridge", kind.name, &words).unwrap();
        for word in [PROGRAM, HOST, "127.0.0.1", "2525"] {
            assert!(!text.contains(word), "{}: {word} is left in:\n{text}", kind.name);
        }
    }
}

/// Goal: one command line has one form: options in the order of the help, repeated ones in theirs, then hosts in theirs.
#[test]
fn options_stand_in_the_order_of_the_help() {
    let words =
        ["b.example", "-q", "--allow-from", "192.0.2.2", "--log=none", "-4", "--allow-from=192.0.2.1", "a.example:26"];
    let text = render("inetd-debian", &words);
    let line = text.lines().find(|line| !line.starts_with('#')).unwrap();
    let end = "smtps-bridge -4 --allow-from 192.0.2.2 --allow-from 192.0.2.1 --log none -q --require-auth b.example a.example:26";
    assert!(line.ends_with(end), "{line}");
}

/// Goal: with a key the line starts as root and says why; without one it does not.
#[test]
fn a_key_makes_an_inetd_start_the_bridge_as_root() {
    for (kind, root, nobody) in [
        ("inetd-debian", " nowait.6000 root /usr", " nowait.6000 nobody /usr"),
        ("inetd-freebsd", " nowait/20/0 root /usr", " nowait/20/0 nobody /usr"),
        ("xinetd", "user            = root\n", "user            = nobody\n"),
        ("launchd", "<string>root</string>", "<string>nobody</string>"),
        ("tcpserver", "tcpserver -q -H -R -l 0 -c 100 127", " -u \"$(id -u nobody)\""),
        ("s6", "exec s6-tcpserver -c 100", "s6-envuidgid nobody"),
    ] {
        let plain = render(kind, &["smtp.example.com"]);
        assert!(plain.contains(nobody) && !plain.contains(root), "{plain}");
        for words in [&["--cert", "/c", "--key", "/k", "smtp.example.com"][..], &["--user", "mail", "smtp.example.com"]]
        {
            let text = render(kind, words);
            assert!(text.contains(root) && !text.contains(nobody) && text.contains("drops root by itself"), "{text}");
        }
    }
}

/// Goal: if the package has made a user, nothing else runs as it, which cannot be said of `nobody`; a bridge that starts
/// as root for its key drops root for it too, unless another one was asked for.
#[test]
fn a_superserver_starts_the_bridge_as_the_user_of_the_package() {
    let key = ["--cert", "/c", "--key", "/k", HOST];
    for (kind, line, with_key) in [
        ("inetd-debian", " nowait.6000 smtps-bridge /usr", "--key /k --user smtps-bridge smtp"),
        ("inetd-busybox", " nowait.6000 smtps-bridge /usr", "--key /k --user smtps-bridge smtp"),
        ("inetd-freebsd", " nowait/20/0 smtps-bridge /usr", "--key /k --user smtps-bridge smtp"),
        ("xinetd", "user            = smtps-bridge\n", "--key /k --user smtps-bridge smtp"),
        ("tcpserver", " -u \"$(id -u smtps-bridge)\"", "--key /k --user smtps-bridge --log"),
        ("s6", "exec s6-envuidgid smtps-bridge s6-tcpserver -U", "--key /k --user smtps-bridge --log"),
    ] {
        let render = |words: &[&str]| try_render_for("smtps-bridge", PROGRAM, kind, words).unwrap();
        let text = render(&[HOST]);
        assert!(text.contains(line) && !text.contains("nobody") && !text.contains("--user"), "{text}");
        let text = render(&key);
        assert!(!text.contains(line) && text.contains(with_key), "{text}");
        let text = render(&[&["--user", "mail"], &key[..]].concat());
        assert!(text.contains("--user mail ") && !text.contains("--user smtps-bridge"), "{text}");
    }
}

/// Goal: under systemd the key is a credential, the service keeps its user, and no root is in it.
#[test]
fn a_key_is_a_credential_of_the_systemd_service() {
    let words = ["--cert", "/etc/c.pem", "--key", "/etc/100% k.pem", "smtp.example.com"];
    let text = render("systemd", &words);
    assert!(
        text.contains("\nUser=smtps-bridge\n") && text.contains("\nLoadCredential=key:/etc/100%% k.pem\n"),
        "{text}"
    );
    let command = " --cert /etc/c.pem --key ${CREDENTIALS_DIRECTORY}/key --log syslog smtp.example.com\n";
    assert!(text.contains(command), "{text}");
    let text = render("systemd", &["--user", "mail", "smtp.example.com"]);
    assert!(text.contains("\nUser=mail\n") && text.contains("smtps-bridge --user mail --log"), "{text}");
}

/// Goal: a service whose options name a file in a home can read it; for all others homes stay shut.
#[test]
fn homes_are_open_to_a_systemd_service_only_for_a_file_there() {
    for (words, line) in [
        (&["--ca-file", "/etc/ca.pem"][..], "ProtectHome=yes"),
        (&["--cert", "/etc/c.pem", "--key", "/root/k.pem"], "ProtectHome=yes"),
        (&["--ca-file", "/home/a/ca.pem"], "ProtectHome=read-only"),
        (&["--cert", "/root/c.pem", "--key", "/root/k.pem"], "ProtectHome=read-only"),
    ] {
        let text = render("systemd", &[words, &["smtp.example.com"]].concat());
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("ProtectHome=")).collect();
        assert_eq!(lines, [line], "{words:?}");
    }
}

/// Goal: one `--log` on the line, the one that was asked for.
#[test]
fn a_log_option_replaces_the_one_of_the_file() {
    let text = render("systemd", &["--log", "stderr", "smtp.example.com"]);
    assert!(
        text.contains("smtps-bridge --log stderr --require-auth smtp.example.com\n") && !text.contains("--log syslog"),
        "{text}"
    );
}

/// Goal: words with characters of the target's syntax reach the bridge as they are.
#[test]
fn words_are_quoted_for_systemd() {
    let text = render("systemd", &["--ca-file", "/a b/%i $HOME \"x\" \\.pem", "smtp.example.com"]);
    assert!(
        text.contains(
            "--ca-file \"/a b/%%i $$HOME \\\"x\\\" \\\\.pem\" --log syslog --require-auth smtp.example.com\n"
        ),
        "{text}"
    );
}

/// Goal: in a script of sh no character of a word means anything to the shell; the shell itself says so.
#[test]
fn words_are_quoted_for_the_shell() {
    within(USUAL, || {
        let word = "/a 'b' \"$HOME\" `id` \\ ; * ~ # & \u{e4}";
        for kind in ["tcpserver", "s6"] {
            let text = render(kind, &["--ca-file", word, "smtp.example.com"]);
            let script = text.replace("exec ", "printf '%s\\n' ");
            let output = Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
            let said = String::from_utf8(output.stdout).unwrap();
            let end = format!("\n--ca-file\n{word}\n--log\nsyslog\n--require-auth\nsmtp.example.com\n");
            assert!(said.ends_with(&end), "{said}");
        }
    });
}

/// Goal: a property list has one element for each word, and XML's own characters are escaped.
#[test]
fn words_are_elements_of_the_property_list() {
    let text = render("launchd", &["--ca-file", "/a b&<c>.pem", "smtp.example.com"]);
    let array: String = text.split_once("<array>").unwrap().1.split_once("</array>").unwrap().0.replace("\n\t\t", " ");
    assert_eq!(
        array,
        " <string>/usr/bin/smtps-bridge</string> <string>--ca-file</string> \
         <string>/a b&amp;&lt;c&gt;.pem</string> <string>--require-auth</string> <string>smtp.example.com</string>\n\t"
    );
}

/// Goal: what is printed for launchd is a property list that a parser of Apple's format reads, with a note behind it too.
#[test]
fn the_property_list_can_be_parsed() {
    within(USUAL, || {
        if without_tool("python3") {
            return;
        }
        for words in [&["smtp.example.com"][..], &["--ca-file", "a--b&.pem", "--no-pq", "smtp.example.com"]] {
            let list = render("launchd", words);
            let program = "import plistlib, sys\n\
                           list = plistlib.loads(sys.argv[1].encode())\n\
                           listener = list['Sockets']['Listeners']\n\
                           print(listener['SockNodeName'], listener['SockServiceName'], list['UserName'])\n\
                           print(list['ProgramArguments'][-1])";
            let output = Command::new("python3").args(["-c", program, &list]).output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert_eq!(said, "127.0.0.1 2525 nobody\nsmtp.example.com\n", "{output:?}");
        }
    });
}

/// Goal: IPv6 loopback is as good as IPv4's, in the target's own form.
#[test]
fn an_ipv6_address_is_written_as_each_file_wants_it() {
    let words = ["--listen", "[::1]:26", "smtp.example.com"];
    assert!(render("inetd-debian", &words).contains("\n[::1]:26 stream tcp6 nowait"));
    assert!(render("inetd-debian", &words).contains("\n#hosts.allow: smtps-bridge: [::1]\n"));
    assert!(render("xinetd", &words).contains("\tbind            = ::1\n"));
    assert!(render("systemd", &words).contains("\nListenStream=[::1]:26\n"));
    assert!(render("inetd-freebsd", &words).contains("\nsmtps-bridge stream tcp6 nowait"));
    assert!(render("tcpserver", &words).contains(" ::1 26 \\\n"));
    let launchd = render("launchd", &words);
    assert!(launchd.contains("<string>::1</string>") && launchd.contains("<string>IPv6</string>"), "{launchd}");
}

/// Goal: the scanner in the corner: its address is served, by the bridge and by tcpd, and the text no longer claims
/// that this is loopback.
#[test]
fn a_network_address_goes_with_whom_it_serves() {
    let words = ["--listen", "192.168.1.5:26", "--allow-from", "192.168.1.20", "smtp.example.com"];
    let text = render("inetd-debian", &words);
    assert!(text.contains("\n192.168.1.5:26 stream tcp4 "), "{text}");
    assert!(text.contains(" --allow-from 192.168.1.20 --require-auth smtp.example.com\n"), "{text}");
    assert!(text.contains("\n#hosts.allow: smtps-bridge: 192.168.1.5 192.168.1.20/32\n"), "{text}");
    for kind in kinds() {
        let text = render(kind.name, &words);
        assert!(!text.contains("This machine only"), "{text}");
    }
}

/// Goal: a superserver starts in /, so a file is named in full, and a comment says so.
#[test]
fn a_file_gets_its_full_path_and_a_comment() {
    let text = render("xinetd", &["--ca-file", "ca.pem", "smtp.example.com"]);
    let path = std::env::current_dir().unwrap().join("ca.pem");
    assert!(text.contains(&format!("= --ca-file {} --require-auth smtp.example.com\n", path.display())), "{text}");
    assert!(text.contains("\n# --ca-file ca.pem was written as a full path: "), "{text}");
}

/// Goal: without KIND it is a superserver, a mail program, or both, each with the reason in its heading.
#[test]
fn without_a_kind_the_lines_are_those_of_this_machine() {
    within(USUAL, || {
        let text = print(&["smtp.example.com"]);
        let headings = text.lines().filter(|line| line.starts_with("## ")).count();
        assert!(text.starts_with("## ") && (1..=2).contains(&headings), "{text}");
    });
}
