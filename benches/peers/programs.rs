//! The one table of programs: where each is found, how it is called, what it is compared as.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::place::{as_root, Place};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Ours,
    /// Another build of ours.
    Also,
    /// TLS, with the chain and the name verified.
    Peer,
    /// No TLS.
    Plain,
    /// No TLS, and nothing but copying.
    Floor,
}

pub struct Program {
    pub name: &'static str,
    pub kind: Kind,
    pub version: String,
    path: PathBuf,
    arguments: Arguments,
}

/// Where to connect, and whom to trust.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    pub place: &'a Place,
    /// Of the smarthost, on 127.0.0.1.
    pub port: u16,
    pub ca_file: &'a Path,
    /// Ours trusts its built-in roots and the CA in this file, instead of `ca_file`.
    pub anchor: Option<&'a Path>,
}

impl<'a> Target<'a> {
    /// The same with other trust, also beside the built-in roots.
    pub fn trusting(&self, ca_file: &'a Path) -> Target<'a> {
        Target { ca_file, anchor: self.anchor.map(|_| ca_file), ..*self }
    }
}

type Arguments = fn(&Target) -> io::Result<Vec<String>>;

struct Row {
    name: &'static str,
    kind: Kind,
    /// Looked for in PATH, in this order, and then in target/peers, where tests/run unpacks some.
    files: &'static [&'static str],
    /// The option that makes it print its version.
    version: &'static [&'static str],
    arguments: Arguments,
}

const ROWS: [Row; 7] = [
    Row {
        name: "stunnel",
        kind: Kind::Peer,
        files: &["stunnel", "stunnel4"],
        version: &["-version"],
        arguments: |target| {
            let name = target.ca_file.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let (port, file) = (target.port, target.ca_file.display());
            let path = target.place.directory.join(format!("stunnel-{name}-{port}.conf"));
            let lines = ["client = yes".to_owned(), "syslog = no".to_owned(), format!("connect = 127.0.0.1:{port}")];
            let trust =
                ["verifyChain = yes".to_owned(), "checkHost = localhost".to_owned(), format!("CAfile = {file}")];
            // Written once: another session may just be reading it.
            if !path.exists() {
                fs::write(&path, [lines, trust].concat().join("\n") + "\n")?;
            }
            Ok(vec![path.display().to_string()])
        },
    },
    Row {
        name: "socat",
        kind: Kind::Peer,
        files: &["socat"],
        version: &["-V"],
        arguments: |target| {
            let (port, file) = (target.port, target.ca_file.display());
            words(&["STDIO", &format!("OPENSSL:127.0.0.1:{port},cafile={file},commonname=localhost")])
        },
    },
    Row {
        name: "s_client",
        kind: Kind::Peer,
        files: &["openssl"],
        version: &["version"],
        arguments: |target| {
            let (to, file) = (format!("127.0.0.1:{}", target.port), target.ca_file.display().to_string());
            let names = ["-servername", "localhost", "-verify_hostname", "localhost", "-verify_return_error"];
            words(&[&["s_client", "-quiet", "-connect", &to, "-CAfile", &file, "-no-CApath"][..], &names].concat())
        },
    },
    Row {
        name: "ncat",
        kind: Kind::Peer,
        files: &["ncat"],
        version: &["--version"],
        arguments: |target| {
            let (port, file) = (target.port.to_string(), target.ca_file.display().to_string());
            words(&["--ssl-verify", "--ssl-trustfile", &file, "--ssl-servername", "localhost", "127.0.0.1", &port])
        },
    },
    Row {
        name: "gnutls-cli",
        kind: Kind::Peer,
        files: &["gnutls-cli"],
        version: &["--version"],
        arguments: |target| {
            let (port, file) = (target.port.to_string(), target.ca_file.display().to_string());
            let names = ["--sni-hostname", "localhost", "--verify-hostname", "localhost"];
            // Without a log file it writes its log to the client.
            let rest = ["--logfile", "/dev/null", "--x509cafile", &file, "-p", &port, "127.0.0.1"];
            words(&[&names[..], &rest].concat())
        },
    },
    Row {
        name: "nc, plain",
        kind: Kind::Plain,
        files: &["nc.openbsd", "nc"],
        version: &["-h"],
        arguments: |target| words(&["-N", "127.0.0.1", &target.place.server.plain.to_string()]),
    },
    Row {
        name: "pipe, plain",
        kind: Kind::Floor,
        files: &["cc", "gcc", "clang"],
        version: &["--version"],
        arguments: |target| words(&[&target.place.server.plain.to_string()]),
    },
];

/// Ours and those that are here, and in words those that are not.
pub fn found(place: &Place) -> (Vec<Program>, Vec<String>) {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let ours =
        Program { name: "smtps-bridge", kind: Kind::Ours, version, path: place.bridge.clone(), arguments: bridge };
    let (mut programs, mut missing) = (vec![ours], Vec::new());
    if let Some(path) = &place.also {
        let version = version_of(path, &["-V"]);
        programs.push(Program {
            name: "another build",
            kind: Kind::Also,
            version,
            path: path.clone(),
            arguments: bridge,
        });
    }
    for row in &ROWS {
        let Some(mut path) = row.files.iter().find_map(|file| in_path(file)).or_else(|| unpacked(row.files, place))
        else {
            missing.push(format!("{}: not here", row.name));
            continue;
        };
        let version = version_of(&path, row.version);
        if row.kind == Kind::Floor {
            match compiled(&path, place) {
                Ok(pipe) => path = pipe,
                Err(error) => {
                    missing.push(format!("{}: not compiled: {error}", row.name));
                    continue;
                }
            }
        }
        programs.push(Program { name: row.name, kind: row.kind, version, path, arguments: row.arguments });
    }
    (programs, missing)
}

impl Program {
    /// As a superserver starts it: next to nothing in the environment, and descriptor 2 that is not the client's.
    pub fn command(&self, target: &Target) -> io::Result<Command> {
        let mut command = Command::new(&self.path);
        command.args((self.arguments)(target)?).env_clear().env("PATH", "/usr/bin:/bin").stderr(Stdio::null());
        if let (Kind::Ours | Kind::Also, Some(anchor)) = (self.kind, target.anchor) {
            command.env("SMTPS_BRIDGE_TEST_ANCHOR", anchor);
        }
        Ok(command)
    }

    pub fn has_tls(&self) -> bool {
        matches!(self.kind, Kind::Ours | Kind::Also | Kind::Peer)
    }
}

fn bridge(target: &Target) -> io::Result<Vec<String>> {
    let (to, file) = (format!("127.0.0.1:{}", target.port), target.ca_file.display().to_string());
    let trust = if target.anchor.is_some() { &[][..] } else { &["--ca-file", &file][..] };
    words(&[trust, &["--server-name", "localhost", &to]].concat())
}

fn words(words: &[&str]) -> io::Result<Vec<String>> {
    Ok(words.iter().map(|&word| word.to_owned()).collect())
}

fn in_path(file: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|directory| directory.join(file)).find(|path| path.is_file())
}

/// A copy that `nobody` can run, too.
fn unpacked(files: &[&str], place: &Place) -> Option<PathBuf> {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers");
    as_root(|| {
        let found =
            files.iter().find_map(|file| Some((file, fs::read(peers.join(file).join("usr/bin").join(file)).ok()?)));
        let Some((file, program)) = found else { return Ok(None) };
        let copy = place.directory.join(file);
        fs::write(&copy, program)?;
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755))?;
        Ok(Some(copy))
    })
    .ok()
    .flatten()
}

/// The first version number that it prints.
fn version_of(path: &Path, arguments: &[&str]) -> String {
    let Ok(output) = Command::new(path).args(arguments).stdin(Stdio::null()).output() else { return "?".to_owned() };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let is_version = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.');
    let word = text.split([' ', '\n', '(', ')', ',']).find(is_version);
    word.unwrap_or("?").to_owned()
}

/// The floor in C: linked statically, because loading a C library is not part of copying.
fn compiled(cc: &Path, place: &Place) -> io::Result<PathBuf> {
    let (source, pipe) = (place.directory.join("pipe.c"), place.directory.join("pipe"));
    fs::write(&source, include_str!("pipe.c"))?;
    let output = Command::new(cc).args(["-O2", "-static", "-o"]).arg(&pipe).arg(&source).output()?;
    if output.status.success() {
        Ok(pipe)
    } else {
        Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}
