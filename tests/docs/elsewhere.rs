//! packaging/freebsd, packaging/openbsd and packaging/launchd: what can be checked without those systems.

use std::collections::BTreeSet;
use std::process::Command;

use crate::support::limit::skip;

use super::{files, read, root};

/// The values of `NAME=` in the port's Makefile.
fn value(makefile: &str, name: &str) -> Vec<String> {
    let line = makefile.lines().find_map(|line| line.strip_prefix(name)?.trim_start_matches('+').strip_prefix('='));
    let words = line.unwrap_or_else(|| panic!("no {name}")).split_whitespace();
    words.map(str::to_owned).collect()
}

/// Goal: a manual that is added is in the list of FreeBSD's port too, and none that is not there.
#[test]
fn the_list_of_the_freebsd_port_is_the_binary_and_the_manuals() {
    let list: BTreeSet<String> = read("packaging/freebsd/pkg-plist").lines().map(str::to_owned).collect();
    let manuals = files("man").into_iter().map(|path| {
        let section = path.rsplit('.').next().unwrap().to_owned();
        format!("share/man/man{section}/{}.gz", path.trim_start_matches("man/"))
    });
    assert_eq!(list, manuals.chain([concat!("bin/", env!("CARGO_PKG_NAME")).to_owned()]).collect());
    let makefile = read("packaging/freebsd/Makefile");
    for manual in files("man") {
        assert!(makefile.contains(&format!("${{WRKSRC}}/{manual} ")), "{manual} is not installed");
    }
}

#[test]
fn the_freebsd_port_installs_what_there_is_under_the_version_that_it_is() {
    let makefile = read("packaging/freebsd/Makefile");
    assert_eq!(value(&makefile, "DISTVERSION"), [env!("CARGO_PKG_VERSION")]);
    assert_eq!(value(&makefile, "PORTNAME"), [env!("CARGO_PKG_NAME")]);
    for page in value(&makefile, "PORTDOCS") {
        assert!(root().join(&page).exists(), "{page}");
    }
    let sources = makefile.split("${WRKSRC}/").skip(1).filter_map(|rest| rest.split_whitespace().next());
    let sources: Vec<&str> = sources.collect();
    assert!(sources.len() >= 5, "{sources:?}");
    for source in sources {
        assert!(root().join(source).exists(), "{source}");
    }
    // What Cargo sets inside the tree, the port sets by itself.
    let set = value(&makefile, "MAKE_ENV");
    let config = read(".cargo/config.toml");
    let wanted = config.lines().skip_while(|line| *line != "[env]").skip(1).filter(|line| line.contains(" = "));
    let wanted: Vec<String> = wanted.map(|line| line.replace(" = ", "=").replace('"', "")).collect();
    assert!(wanted.len() >= 2, "{wanted:?}");
    for variable in wanted {
        assert!(set.contains(&variable), "{variable} is not in MAKE_ENV: {set:?}");
    }
}

/// Goal: OpenBSD's inetd gets the line that its descendant was seen to run on Debian.
#[test]
fn the_line_for_openbsd_is_the_one_that_debian_has_tried() {
    let line = |path| {
        let text = read(path);
        let lines: Vec<String> = text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
        assert_eq!(lines.len(), 1, "{path}");
        lines[0].clone()
    };
    let debian = line("packaging/inetd/debian.conf").replace("/usr/bin/", "/usr/local/bin/");
    assert_eq!(line("packaging/openbsd/inetd.conf"), debian);
}

#[test]
fn the_property_list_for_launchd_is_well_formed() {
    let script = "import sys, plistlib; p = plistlib.load(open(sys.argv[1], 'rb')); print(p['Label'], \
                  p['ProgramArguments'][0], p['inetdCompatibility']['Wait'], p['Sockets']['Listeners']['SockNodeName'])";
    let file = root().join("packaging/launchd/smtps-bridge.plist");
    let Ok(output) = Command::new("python3").args(["-c", script]).arg(file).output() else {
        return skip("needs python3");
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said, "smtps-bridge /usr/bin/smtps-bridge False 127.0.0.1\n", "{output:?}");
}

/// Goal: no one believes that these files have been tested.
#[test]
fn what_was_not_run_says_so() {
    for path in [
        "packaging/freebsd/Makefile",
        "packaging/freebsd/newsyslog.conf",
        "packaging/openbsd/inetd.conf",
        "packaging/metrics/vector.toml",
        "packaging/metrics/loki.rules.yaml",
    ] {
        assert!(read(path).lines().filter(|line| line.starts_with('#')).any(|line| line.contains("NOT RUN")), "{path}");
    }
    assert!(read("packaging/freebsd/README.md").contains("None of this has been tested"));
}
