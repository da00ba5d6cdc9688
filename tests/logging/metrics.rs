//! The rules under packaging/metrics, on lines that real sessions wrote.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::bridge::House;
use crate::support::dir::Dir;
use crate::support::limit::{within, USUAL};
use crate::support::mail;
use crate::support::namespace::without_tool;
use crate::support::outcome::refusal;
use crate::support::peer::nobody_listens;
use crate::support::smarthost::{Settings, Smarthost};
use crate::support::talk::{Hear, Talk};
use crate::support::tested::{tested, Role};

/// Lines of each kind that a syslogd would write: a session behind a host that gave none, and two failures.
fn lines() -> String {
    let mut house = House::new();
    let now = time::OffsetDateTime::now_utc().date();
    let day = |days: i64| {
        let date = now + time::Duration::days(days);
        (date.year(), u8::from(date.month()), date.day())
    };
    house.leaf = house.ca.leaf_valid(day(-80), day(3));
    let smarthost = mail::smarthost(&house.leaf);
    let (bridge, client) = house.bridge(nobody_listens().to_string()).arg(smarthost.host()).socket();
    mail::submit(&mut client.try_clone().unwrap(), &mut client.try_clone().unwrap());
    drop(client);
    let ended = bridge.finish();
    let refused = refusal(house.bridge(nobody_listens().to_string()));
    let usage = refusal(house.bridge("a:0"));
    let log = [ended.log, refused.log, usage.log].concat();
    log.replace("smtps-bridge: ", "Nov 23 05:00:00 mailer smtps-bridge[4711]: ")
}

/// Lines with the fields of `--starttls`: a session, and a server that writes fields into the clear-text part.
fn lines_of_starttls() -> String {
    let house = House::new();
    let hello = ["220 a\r\n", "250-a\r\n250 STARTTLS\r\n", "220 go\r\n"];
    let settings = Settings { clear: Some(hello), ..Settings::new(house.leaf.server(rustls::ALL_VERSIONS)) };
    let smarthost = Smarthost::start(settings).unwrap();
    let (bridge, mut client) = house.bridge(smarthost.host()).arg("--starttls").socket();
    client.line();
    client.say("QUIT\r\n");
    client.rest();
    drop(client);
    let ended = bridge.finish();
    smarthost.in_clear(["554 no\" reply=\"none\" setup_ms=1 end=idle\r\n", "", ""]);
    let refused = refusal(house.bridge(smarthost.host()).arg("--starttls"));
    let log = [ended.log, refused.log].concat();
    log.replace("smtps-bridge: ", "Nov 23 05:00:00 mailer smtps-bridge[4711]: ")
}

/// Goal: the lines of `--starttls` have two fields more, and are counted as all others are.
#[test]
fn mtail_counts_sessions_behind_starttls_and_failures_before_tls() {
    if without_tool("mtail") {
        return;
    }
    within(USUAL, || {
        let dir = Dir::new();
        let log = lines_of_starttls();
        assert!(log.contains(" mode=starttls end=") && log.contains(" clear=\"554 no' reply='none' "), "{log}");
        let said = mtail(&dir, &log);
        for metric in [
            "sessions_total{end=\"close_notify\",host=\"127.0.0.1\"} 1",
            "failed_total{host=\"127.0.0.1\",reply=\"421 4.3.2\",stage=\"starttls\"} 1",
        ] {
            let line = format!("smtps_bridge_{metric}");
            assert!(said.lines().any(|shown| shown == line), "no {line} in:\n{said}\n{log}");
        }
    });
}

/// What mtail's rules make of a log, as Prometheus reads it; behind that, what mtail says of itself.
fn mtail(dir: &Dir, log: &str) -> String {
    let output = Command::new("mtail")
        .args(["--one_shot", "--one_shot_format", "prometheus", "--logtostderr", "--emit_prog_label=false"])
        .arg("--progs")
        .arg(packaging("smtps-bridge.mtail"))
        .arg("--logs")
        .arg(dir.write("mail.log", log))
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn mtail_counts_sessions_failures_and_days() {
    if without_tool("mtail") {
        return;
    }
    within(USUAL, || {
        let dir = Dir::new();
        let log = lines();
        let said = mtail(&dir, &log);
        let session = log.lines().find(|line| line.contains(": closed ")).unwrap();
        let field = |name: &str| {
            let found = session.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            found.unwrap_or_else(|| panic!("no {name} in {session}")).to_owned()
        };
        for metric in [
            format!("sessions_total{{end=\"{}\",host=\"127.0.0.1\"}} 1", field("end")),
            format!("octets_total{{direction=\"up\",host=\"127.0.0.1\"}} {}", field("up")),
            format!("octets_total{{direction=\"down\",host=\"127.0.0.1\"}} {}", field("down")),
            "mails_total{host=\"127.0.0.1\"} 1".to_owned(),
            format!("setup_ms_sum{{host=\"127.0.0.1\"}} {}", field("setup_ms")),
            "failed_total{host=\"127.0.0.1\",reply=\"421 4.4.1\",stage=\"connect\"} 1".to_owned(),
            "failed_total{host=\"\",reply=\"421 4.3.5\",stage=\"arguments\"} 1".to_owned(),
            "passed_total{host=\"127.0.0.1\",stage=\"connect\"} 1".to_owned(),
            "panics_total 0".to_owned(),
        ] {
            let line = format!("smtps_bridge_{metric}");
            assert!(said.lines().any(|shown| shown == line), "no {line} in:\n{said}\n{log}");
        }
        let days = "smtps_bridge_certificate_days{certificate=\"smarthost\",host=\"127.0.0.1\"} ";
        assert!(
            said.lines().any(|shown| shown.starts_with(days) && !shown.ends_with(" 0")),
            "no {days} in:\n{said}\n{log}"
        );
        let version = Command::new("dpkg-query").args(["-W", "-f", "${Version}", "mtail"]).output().unwrap();
        let version = String::from_utf8_lossy(&version.stdout).into_owned();
        tested(Role::Monitor, "mtail", "mtail", &version, "sessions, mails, octets, failures, days of a certificate");
    });
}

/// Goal: what cannot be run here has patterns that fit the lines; Python reads them as Go and Rust do.
#[test]
fn the_patterns_for_vector_and_loki_fit_each_line() {
    if without_tool("python3") {
        return;
    }
    within(USUAL, || {
        let log = lines();
        let (loki, vector) = (read("loki.rules.yaml"), read("vector.toml"));
        let loki: BTreeSet<&str> = loki.split('`').skip(1).step_by(2).collect();
        assert_eq!(loki.len(), 3, "one pattern a kind of line: {loki:?}");
        for pattern in loki {
            assert!(fits(pattern, &log), "{pattern} fits no line of:\n{log}");
        }
        let pattern = vector.split_once("r'").and_then(|(_, rest)| Some(rest.split_once("')")?.0)).unwrap();
        for line in log.lines() {
            // The journal has the tag apart.
            let message = line.split_once("]: ").unwrap().1;
            assert!(fits(pattern, message), "{pattern} does not fit {message}");
        }
        assert!(!fits(pattern, "confined landlock=full"), "a step under -v is no event");
    });
}

fn fits(pattern: &str, text: &str) -> bool {
    let script = "import re, sys; sys.exit(re.search(sys.argv[1], sys.argv[2], re.M) is None)";
    Command::new("python3").args(["-c", script, pattern, text]).status().unwrap().success()
}

/// Goal: no rule looks for a renamed field under its old name.
#[test]
fn the_rules_name_fields_of_the_manual_only() {
    let manual = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("man/smtps-bridge.8")).unwrap();
    let fields: BTreeSet<&str> = manual
        .lines()
        .filter_map(|line| line.strip_prefix(".It Cm "))
        .filter(|line| !line.contains(" Ta "))
        .flat_map(|line| line.split(" , "))
        .collect();
    let mut named: Vec<String> = Vec::new();
    for line in read("loki.rules.yaml").lines() {
        if let Some((_, list)) = line.split_once("| logfmt ") {
            let list = list.split([' ', '[', '|']).map(|word| word.trim_end_matches(','));
            named.extend(
                list.filter(|word| word.bytes().next().is_some_and(|b| b.is_ascii_lowercase())).map(str::to_owned),
            );
        }
    }
    for line in read("vector.toml").lines() {
        let field = line.strip_prefix("field = \"").and_then(|rest| rest.strip_suffix('"'));
        let tag = line.split_once("{{").and_then(|(_, it)| it.strip_suffix("}}\""));
        named.extend(field.or(tag).map(str::to_owned));
    }
    for line in read("smtps-bridge.mtail").lines().filter(|line| line.trim().starts_with('/')) {
        let names = line.match_indices('=').filter_map(|(at, _)| line[..at].rsplit([' ', '(']).next());
        named.extend(names.filter(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')).map(str::to_owned));
    }
    named.retain(|name| !["unwrap", "d"].contains(&name.as_str()));
    assert!(named.len() > 30, "the rules were not understood: {named:?}");
    for name in named {
        assert!(fields.contains(&*name), "{name} is no field of the manual: {fields:?}");
    }
}

fn read(file: &str) -> String {
    fs::read_to_string(packaging(file)).unwrap()
}

fn packaging(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/metrics").join(file)
}
