//! A hostile environment around a start as root: it changes neither whom the bridge trusts nor what it logs.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use crate::reach::lookup::{name_server, resolver, NO_ERROR};
use crate::support::bridge::{House, Start};
use crate::support::ca::Ca;
use crate::support::dir::Dir;
use crate::support::namespace::{inside, replace};
use crate::support::outcome::{good, refusal, session, unsuccessful};

const SYSTEM_FILE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The variables that libraries and runtimes go by; `dir` is where they could write, with the CA of `theirs` in it.
fn hostile(start: Start, dir: &Dir, theirs: &Ca) -> Start {
    let ca = dir.write("theirs.pem", theirs.pem());
    let aliases = dir.write("aliases", "smarthost theirs.example\n");
    let paths = [
        ("SSL_CERT_FILE", ca),
        ("SSL_CERT_DIR", dir.path("")),
        ("SSLKEYLOGFILE", dir.path("keys")),
        ("HOSTALIASES", aliases),
        ("MALLOC_TRACE", dir.path("trace")),
        ("OPENSSL_CONF", dir.path("openssl.cnf")),
        ("LOCPATH", dir.path("")),
        ("GCONV_PATH", dir.path("")),
        ("NOTIFY_SOCKET", dir.path("notify")),
        ("TMPDIR", dir.path("")),
        ("HOME", dir.path("")),
    ];
    let words = [
        ("RUST_LOG", "trace"),
        ("RUST_BACKTRACE", "full"),
        ("RUST_LIB_BACKTRACE", "full"),
        ("LOCALDOMAIN", "theirs.example"),
        ("RES_OPTIONS", "debug ndots:15"),
        ("TZ", ":/dev/zero"),
        ("LC_ALL", "tr_TR.UTF-8"),
        ("MALLOC_CHECK_", "3"),
        ("MALLOC_PERTURB_", "165"),
        ("MALLOC_ARENA_MAX", "1"),
        ("LISTEN_FDS", "1"),
        ("ALL_PROXY", "socks5://127.0.0.1:1"),
        ("HTTPS_PROXY", "http://127.0.0.1:1"),
    ];
    let start = paths.iter().fold(start, |start, (name, path)| start.env(name, path));
    words.iter().fold(start, |start, (name, word)| start.env(name, word))
}

/// Ports, times and process ids differ from session to session.
fn without_numbers(log: &str) -> String {
    log.split(|c: char| c.is_ascii_digit()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("#")
}

fn files(dir: &Dir) -> Vec<String> {
    let entries = fs::read_dir(dir.path("")).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    files
}

/// Goal: a session logs the same, and leaves no file: no key log, no trace.
#[test]
fn a_hostile_environment_changes_nothing_of_a_session_s_log() {
    inside(|| {
        let _resolver = resolver();
        name_server(NO_ERROR, Some(Ipv4Addr::LOCALHOST));
        let (mut house, dir, theirs) = (House::new(), Dir::new(), Ca::named("Their CA"));
        dir.mode("", 0o777);
        house.leaf = house.ca.leaf_for(&["smarthost"]);
        let logs = [false, true].map(|is_hostile| {
            let peer = good(&house.leaf);
            let start = house.bridge(format!("smarthost:{}", peer.addr.port())).arg("-v");
            let ended = session(if is_hostile { hostile(start, &dir, &theirs) } else { start });
            peer.done();
            without_numbers(&ended.log)
        });
        assert!(logs[0].contains("closed host=smarthost"), "{}", logs[0]);
        assert_eq!(logs[0], logs[1]);
        assert_eq!(files(&dir), ["aliases", "theirs.pem"]);
    });
}

/// Goal: a CA that the environment names is never trusted, with any of the trust anchors; a name that it turns into
/// another is verified as it was given. The log says so in the same words, and no key log appears.
#[test]
fn promise_3_a_hostile_environment_makes_nobody_trusted() {
    inside(|| {
        let _resolver = resolver();
        name_server(NO_ERROR, Some(Ipv4Addr::LOCALHOST));
        let (house, dir, theirs) = (House::new(), Dir::new(), Ca::named("Their CA"));
        dir.mode("", 0o777);
        let mut rows = vec![
            (Start::new(), theirs.leaf_for(&["smarthost"]), "unknown CA"),
            (house.bridge("--log=stderr"), theirs.leaf_for(&["smarthost"]), "unknown CA"),
            (house.bridge("--log=stderr"), house.ca.leaf_for(&["theirs.example"]), "for another name (theirs.example)"),
        ];
        if Path::new(SYSTEM_FILE).exists() {
            replace(SYSTEM_FILE, &house.dir.path("ca.pem"));
            rows.push((Start::new().arg("--system-roots"), theirs.leaf_for(&["smarthost"]), "unknown CA"));
        }
        for (start, leaf, reason) in rows {
            let lines = [false, true].map(|is_hostile| {
                let peer = unsuccessful(leaf.server(rustls::ALL_VERSIONS));
                let start = start.clone().arg(format!("smarthost:{}", peer.addr.port()));
                let refusal = refusal(if is_hostile { hostile(start, &dir, &theirs) } else { start });
                refusal.assert("4.7.5", 69, &[reason]);
                assert_eq!(peer.done(), b"", "promise 3: the server heard something");
                without_numbers(&refusal.log)
            });
            assert_eq!(lines[0], lines[1]);
        }
        assert_eq!(files(&dir), ["aliases", "theirs.pem"]);
    });
}
