//! Files behind `--ca-file` that are not what they should be: found before the network is used, and reported with file and
//! cure.

use std::fmt::Write;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::CertificateDer;

use crate::support::bridge::Start;
use crate::support::ca::Ca;
use crate::support::dir::Dir;
use crate::support::limit::{within, without_root, USUAL};
use crate::support::outcome::{good, refusal, session};
use crate::trust::refuses_configuration;

/// Goal: a sentence with the file and the cure in the log, no path in the reply, exit 78.
#[test]
fn a_ca_file_that_cannot_be_used_is_named_with_the_cure() {
    within(USUAL, || {
        let (dir, ca) = (Dir::new(), Ca::new());
        let good = ca.pem();
        let der = CertificateDer::from_pem_slice(good.as_bytes()).unwrap();
        let many: String = std::iter::repeat_n(good, 2 * 1024 * 1024 / good.len() + 1).collect();
        let damaged = good.replacen("MII", "M!!", 1);
        assert_ne!(damaged, good);
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let unended = good.replace("-----END CERTIFICATE-----", "");
        let mut with_key = good.to_owned();
        with_key.write_str(&ca.leaf().key_pem).unwrap();
        let trusted = good.replace(" CERTIFICATE", " TRUSTED CERTIFICATE");

        dir.write("empty", "");
        dir.write("text", "to be done\n");
        dir.write("der", &der);
        dir.write("with-key", with_key);
        dir.write("key-first", ca.leaf().key_pem + good);
        dir.write("damaged", format!("{good}{damaged}{good}"));
        dir.write("garbage", format!("{good}{garbage}{good}"));
        dir.write("unended", format!("{good}{good}{unended}"));
        dir.write("unended-among", format!("{unended}{good}"));
        dir.write("trusted", format!("{good}{trusted}"));
        dir.write("bom", format!("\u{feff}{good}"));
        dir.write("indented", format!("{good}  {}", good.replace('\n', "\n  ")));
        dir.write("large", many);
        mkfifo(&dir.path("fifo"), Mode::from_bits_truncate(0o644)).unwrap();
        let table: [(&str, &[&str]); 17] = [
            ("absent", &["no such file"]),
            ("empty/below", &["ot a directory"]),
            ("", &["is a directory", "name one file"]),
            ("fifo", &["not a regular file"]),
            ("empty", &["is empty"]),
            ("text", &["no PEM block"]),
            ("der", &["is DER", "openssl x509 -inform der"]),
            ("with-key", &["block 2", "private key", "take it out"]),
            ("key-first", &["block 1", "private key", "take it out"]),
            ("damaged", &["block 2", "not base64", "copy it again"]),
            ("bom", &["block 1", "byte order mark", "copy it again"]),
            ("indented", &["block 2", "a blank", "copy it again"]),
            ("garbage", &["block 2", "copy it again"]),
            ("unended", &["block 3", "-----END line", "copy it again"]),
            ("unended-among", &["block 1", "copy it again"]),
            ("trusted", &["block 2", "TRUSTED CERTIFICATE"]),
            ("large", &["larger than 1 MiB"]),
        ];
        for (name, words) in table {
            let path = dir.path(name);
            let refusal = refuses_configuration(
                Start::new().arg("--ca-file").arg(&path),
                &[&["--ca-file", path.to_str().unwrap()], words].concat(),
            );
            assert!(refusal.reply.starts_with("421 4.3.5 smtps-bridge: --ca-file: "), "{name}: {refusal:#?}");
            assert!(!refusal.log.contains("PRIVATE KEY-----"), "{name}: {refusal:#?}");
        }
        refuses_configuration(Start::new().args(["--ca-file", "/dev/zero"]), &["/dev/zero", "not a regular file"]);
    });
}

/// Goal: a file that only root can read is named, with the uid that could not.
#[test]
fn a_ca_file_that_this_user_may_not_read_names_the_user() {
    if without_root() {
        return;
    }
    within(USUAL, || {
        let dir = Dir::new();
        let path = dir.write("ca.pem", Ca::new().pem());
        dir.mode("ca.pem", 0o600);
        let start = Start::new().user(65534).arg("--ca-file").arg(&path);
        refuses_configuration(start, &[path.to_str().unwrap(), "denied", "uid 65534"]);
    });
}

/// Goal: root reads it before it becomes `nobody`.
#[test]
fn a_ca_file_that_only_root_may_read_serves_a_start_as_root() {
    if without_root() {
        return;
    }
    within(USUAL, || {
        let (dir, ca) = (Dir::new(), Ca::new());
        let path = dir.write("ca.pem", ca.pem());
        dir.mode("ca.pem", 0o600);
        let peer = good(&ca.leaf());
        session(Start::new().arg("--ca-file").arg(path).arg(peer.host()));
        peer.done();
    });
}

/// Goal: what people really have in such a file: several CAs, comments, a DOS text, no line feed at the end or between two
/// files, lines that end in CR alone, a name that is no UTF-8.
#[test]
fn a_ca_file_may_hold_several_and_look_like_every_real_one() {
    within(USUAL, || {
        let (dir, ca, other) = (Dir::new(), Ca::new(), Ca::named("Another CA"));
        let strange = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"ca-\xff.pem");
        std::fs::write(dir.path("").join(strange), ca.pem()).unwrap();
        for content in [
            format!("{}{}", other.pem(), ca.pem()),
            format!("Certificate:\n    Data: -----\n{}\n# the end\n", ca.pem()),
            ca.pem().replace("\r\n", "\n").replace('\n', "\r\n"),
            ca.pem().trim_end().to_owned(),
            // A bug that was: of these the second certificate, or every one but the first, was dropped without a word.
            format!("{}{}", other.pem().trim_end(), ca.pem()),
            format!("{}{}", other.pem(), ca.pem()).replace("\r\n", "\n").replace('\n', "\r"),
        ] {
            let peer = good(&ca.leaf());
            session(Start::new().arg("--ca-file").arg(dir.write("ca.pem", content)).arg(peer.host()));
            peer.done();
        }
        let peer = good(&ca.leaf());
        session(Start::new().arg("--ca-file").arg(dir.path("").join(strange)).arg(peer.host()));
        peer.done();
    });
}

/// Goal: a bug that was: each -----BEGIN of one long line was looked at from the line's beginning, for minutes.
#[test]
fn a_file_of_one_line_costs_little() {
    within(USUAL, || {
        let dir = Dir::new();
        let file = dir.write("ca.pem", "-----BEGIN ".repeat(95_000));
        let start = Start::new().arg("--ca-file").arg(file).arg("mail.example.com");
        // Seconds of CPU, of a debug build.
        refusal(start.under_shell("ulimit -t 5 &&", "")).assert("4.3.5", 78, &["block 1 is damaged"]);
    });
}
