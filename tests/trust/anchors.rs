//! Built-in roots, `--ca-file`, `--system-roots`: who may vouch for a smarthost.

use std::os::unix::fs::symlink;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::support::bridge::{House, Start, PROGRAM};
use crate::support::build::usual_roots;
use crate::support::ca::Ca;
use crate::support::dir::Dir;
use crate::support::limit::{skip, within, without_root, USUAL};
use crate::support::namespace::{inside, replace, sh};
use crate::support::outcome::{good, session};
use crate::trust::{chain, refuses_certificate, refuses_configuration, trusting};

const SYSTEM_FILE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Goal: without options only the roots of the build are trusted, and the sentence says which ones, with the date of
/// Mozilla's.
#[test]
fn promise_3_the_built_in_roots_refuse_an_unknown_issuer() {
    within(USUAL, || {
        let ca = Ca::new();
        refuses_certificate(Start::new(), chain(&ca.leaf(), &[&ca]), &["unknown CA", &usual_roots(), "in between"]);
    });
}

#[test]
fn a_ca_file_is_the_whole_trust() {
    within(USUAL, || {
        let house = House::new();
        let peer = good(&house.leaf);
        session(house.bridge(peer.host()));
        peer.done();
    });
}

/// Goal: the root that the benchmark adds is trusted besides the built-in ones, but neither in place of a `--ca-file` nor
/// in a build without the hooks.
#[test]
fn promise_3_the_root_of_the_benchmark_counts_beside_the_built_in_ones_only() {
    within(USUAL, || {
        let house = House::new();
        let hooked = |start: Start| start.env("SMTPS_BRIDGE_TEST_ANCHOR", house.dir.path("ca.pem"));
        let tls = house.leaf.server(rustls::ALL_VERSIONS);
        refuses_certificate(
            hooked(trusting(&Ca::named("Another CA"), &Dir::new())),
            tls.clone(),
            &["not in our CA file"],
        );
        if cfg!(all(feature = "test-hooks", not(feature = "system-roots"))) {
            let peer = good(&house.leaf);
            session(hooked(Start::new()).arg(peer.host()));
            peer.done();
        } else {
            refuses_certificate(hooked(Start::new()), tls, &["unknown CA"]);
        }
    });
}

/// Goal: another CA of the same name is another CA.
#[test]
fn promise_3_another_ca_of_the_same_name_is_refused() {
    within(USUAL, || {
        let (dir, ca, other) = (Dir::new(), Ca::named("Our CA"), Ca::named("Our CA"));
        let tls = other.leaf().server(rustls::ALL_VERSIONS);
        refuses_certificate(trusting(&ca, &dir), tls, &["its CA has a trusted name but another key (CN=Our CA)"]);
    });
}

/// Goal: each way in which a certificate can be wrong is refused, and the sentence has what the administrator needs.
#[test]
fn promise_3_a_wrong_certificate_is_refused_with_its_reason() {
    within(USUAL, || {
        let (dir, ca) = (Dir::new(), Ca::new());
        let client_only = ca.leaf_with(&["127.0.0.1"], |params| {
            params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        });
        let table: [(_, &[&str]); 8] = [
            (ca.leaf_expired((2021, 11, 1)), &["expired", "2021-11-01"]),
            (ca.leaf_not_yet_valid((3021, 12, 31)), &["not valid before 3021-12-31, today is 20", "clock"]),
            (ca.leaf_for(&["other.example"]), &["for another name (other.example)", "give HOST by name"]),
            (ca.leaf_for(&["a.example", "b.example", "c.example", "d.example"]), &["c.example", "1 more"]),
            (ca.leaf_with_many_names(2000), &["host-2.example.net", "1997 more"]),
            (ca.leaf_for(&["127.0.0.2"]), &["for another name (127.0.0.2)"]),
            (ca.leaf_for(&[]), &["a CN but no SAN (CN=nobody, and only a SAN counts)"]),
            (client_only, &["certificate refused: it is not for servers"]),
        ];
        for (leaf, words) in table {
            let refusal = refuses_certificate(trusting(&ca, &dir), leaf.server(rustls::ALL_VERSIONS), words);
            assert!(refusal.log.len() < 1024 && !refusal.log.contains("host-3.example.net"), "{refusal:#?}");
        }
    });
}

/// Goal: what is verified and sent is NAME; what is dialled stays HOST.
#[test]
fn a_server_name_is_verified_instead_of_the_host() {
    within(USUAL, || {
        let (dir, ca) = (Dir::new(), Ca::new());
        let peer = good(&ca.leaf_for(&["mail.example.com"]));
        session(trusting(&ca, &dir).args(["--server-name", "mail.example.com"]).arg(peer.host()));
        peer.done();
        let named = || trusting(&ca, &dir).args(["--server-name", "mail.example.com"]);
        let refusal = refuses_certificate(
            named(),
            ca.leaf().server(rustls::ALL_VERSIONS),
            &["wanted is mail.example.com, and it has 127.0.0.1, localhost"],
        );
        assert!(refusal.reply.starts_with("421 4.7.5 mail.example.com: "), "{refusal:#?}");
    });
}

/// Goal: with privileges the environment is ignored: a set-user-ID start must not bring its own CA.
#[test]
fn promise_3_system_roots_come_from_the_system_and_for_root_not_from_the_environment() {
    inside(|| {
        if !std::path::Path::new(SYSTEM_FILE).exists() {
            return skip("needs a system with ca-certificates in the place of Debian");
        }
        let (dir, ca, other) = (Dir::new(), Ca::new(), Ca::named("CA of a user"));
        replace(SYSTEM_FILE, &dir.write("system.pem", ca.pem()));
        let theirs = dir.write("theirs.pem", other.pem());
        let start = || Start::new().arg("--system-roots").env("SSL_CERT_FILE", &theirs).env("SSL_CERT_DIR", "/absent");

        let peer = good(&ca.leaf());
        session(start().arg(peer.host()));
        peer.done();
        refuses_certificate(start(), other.leaf().server(rustls::ALL_VERSIONS), &["unknown CA", "system"]);

        // A user may choose whom to trust, as with every other program.
        let peer = good(&other.leaf());
        session(start().user(65534).arg(peer.host()));
        peer.done();
        refuses_certificate(start().user(65534), ca.leaf().server(rustls::ALL_VERSIONS), &["unknown CA"]);

        // Set-group-ID is a privilege too, though the user is the same.
        let copy = dir.path("bridge");
        sh(&format!("cp {PROGRAM} {}", copy.display()));
        dir.mode("bridge", 0o2755);
        let exec = format!("exec {} \"$@\";", copy.display());
        let start = || start().under_shell(&exec, "").user(65534);
        let peer = good(&ca.leaf());
        session(start().arg(peer.host()));
        peer.done();
        refuses_certificate(start(), other.leaf().server(rustls::ALL_VERSIONS), &["unknown CA", "system"]);
    });
}

/// Goal: a system keeps its roots twice, all in one file and each in its own: the one file is read, for everybody, and
/// not 300 for each session.
#[test]
fn system_roots_are_read_from_one_file_and_not_from_the_directory_beside_it() {
    inside(|| {
        if !std::path::Path::new(SYSTEM_FILE).exists() {
            return skip("needs a system with ca-certificates in the place of Debian");
        }
        let (dir, ca, other) = (Dir::new(), Ca::new(), Ca::named("CA of the directory"));
        dir.write("ca-certificates.crt", ca.pem());
        dir.write("other.pem", other.pem());
        replace(SYSTEM_FILE.trim_end_matches("/ca-certificates.crt"), &dir.path(""));
        // Empty is as good as not there.
        let start = || Start::new().arg("--system-roots").user(65534).env("SSL_CERT_FILE", "").env("SSL_CERT_DIR", "");
        let peer = good(&ca.leaf());
        session(start().arg(peer.host()));
        peer.done();
        refuses_certificate(start(), other.leaf().server(rustls::ALL_VERSIONS), &["unknown CA", "system"]);
    });
}

/// Goal: what a user's environment names is read as warily as what an option names: a FIFO does not hang it, an endless
/// file does not fill the memory (it ended in SIGABRT), and the sentence says which file is wrong.
#[test]
fn system_roots_of_the_environment_that_are_no_files_are_named_and_not_read() {
    if without_root() {
        return;
    }
    within(USUAL, || {
        let (dir, ca) = (Dir::new(), Ca::new());
        for folder in ["large.d", "mixed.d", "mixed.d/folder"] {
            std::fs::create_dir(dir.path(folder)).unwrap();
        }
        dir.write("text", "to be done\n");
        dir.write("large", " ".repeat(2 * 1024 * 1024));
        dir.write("large.d/a.pem", " ".repeat(2 * 1024 * 1024));
        for fifo in ["fifo", "mixed.d/fifo"] {
            mkfifo(&dir.path(fifo), Mode::from_bits_truncate(0o644)).unwrap();
            dir.mode(fifo, 0o644);
        }
        let table: [(&str, &str, &[&str]); 8] = [
            ("SSL_CERT_FILE", "fifo", &["/fifo: ", "not a regular file"]),
            ("SSL_CERT_FILE", "/dev/zero", &["/dev/zero: ", "not a regular file"]),
            ("SSL_CERT_FILE", "large", &["/large: ", "larger than 1 MiB"]),
            ("SSL_CERT_FILE", "absent", &["/absent: ", "no such file"]),
            ("SSL_CERT_FILE", "mixed.d", &["/mixed.d: ", "is a directory"]),
            ("SSL_CERT_FILE", "text", &["lead to no certificate", "unset them"]),
            ("SSL_CERT_DIR", "large.d", &["/large.d/a.pem: ", "larger than 1 MiB"]),
            ("SSL_CERT_DIR", "absent", &["lead to no certificate", "unset them"]),
        ];
        for (variable, name, words) in table {
            let both = Start::new().env("SSL_CERT_FILE", "").env("SSL_CERT_DIR", "");
            let start = both.user(65534).arg("--system-roots").env(variable, dir.path(name));
            refuses_configuration(start, &[&[variable], words].concat());
        }

        // As a directory of OpenSSL may look, and two of them.
        dir.write("mixed.d/README", "to be done\n");
        symlink("/dev/zero", dir.path("mixed.d/zero")).unwrap();
        symlink("absent", dir.path("mixed.d/dangling")).unwrap();
        dir.write("mixed.d/ca.pem", ca.pem());
        // A bug that was: one file that is too large, or that only root can read, stopped all mail.
        dir.write("mixed.d/large.pem", " ".repeat(2 * 1024 * 1024));
        dir.write("mixed.d/secret.pem", ca.pem());
        dir.mode("mixed.d/secret.pem", 0o600);
        let peer = good(&ca.leaf());
        let both = format!("{}:{}", dir.path("absent").display(), dir.path("mixed.d").display());
        let start = Start::new().user(65534).arg("--system-roots").env("SSL_CERT_FILE", "").env("SSL_CERT_DIR", both);
        session(start.arg(peer.host()));
        peer.done();
    });
}

#[test]
fn a_system_without_roots_says_what_to_install() {
    inside(|| {
        let dir = Dir::new();
        if std::path::Path::new(SYSTEM_FILE).exists() {
            replace(SYSTEM_FILE, &dir.write("empty.pem", ""));
        }
        refuses_configuration(Start::new().arg("--system-roots"), &["--system-roots", "ca-certificates"]);
    });
}
