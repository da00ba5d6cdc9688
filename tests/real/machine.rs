//! A machine of a test's own (see machine.sh), with the bridge as /usr/bin/smtps-bridge and real peers installed.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::bridge::PROGRAM;
use crate::support::dir::Dir;
use crate::support::limit::{skip, until};
use crate::support::namespace::without_tool;
use crate::support::syslog::Syslog;

const PATIENCE: Duration = Duration::from_secs(20);

pub struct Machine {
    dir: Dir,
    pub syslog: Syslog,
    script: Child,
}

/// What a command wrote, on both descriptors, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub text: String,
    pub code: Option<i32>,
}

impl Machine {
    /// None, with a skip, if a peer is missing. To be called behind `namespace::inside`.
    pub fn boot(peers: &[&str]) -> Option<Machine> {
        Machine::boot_with("cat", peers, |_| {})
    }

    /// With systemd as process 1, and /etc/systemd/system behind the unit files that `units` puts into a directory.
    pub fn boot_systemd(units: impl FnOnce(&Path)) -> Option<Machine> {
        if !Path::new("/lib/systemd/systemd").exists() {
            skip("needs systemd");
            return None;
        }
        Machine::boot_with("systemd", &[], units)
    }

    fn boot_with(init: &str, peers: &[&str], units: impl FnOnce(&Path)) -> Option<Machine> {
        let peers: Vec<PathBuf> = peers.iter().map(|name| peer(name)).collect::<Option<_>>()?;
        if without_tool("nsenter") {
            return None;
        }
        let dir = Dir::new();
        fs::create_dir_all(dir.path("usr/bin")).expect("a directory");
        fs::copy(PROGRAM, dir.path("usr/bin/smtps-bridge")).expect("a copy of the bridge");
        fs::create_dir(dir.path("units")).expect("a directory");
        units(&dir.path("units"));
        let syslog = Syslog::datagram(&dir);
        let script = Command::new("/bin/sh")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/machine.sh"))
            .args([&dir.path(""), Path::new(init)])
            .args(peers)
            .stdin(Stdio::piped())
            .stdout(fs::File::create(dir.path("console")).expect("a file"))
            .stderr(fs::File::options().append(true).create(true).open(dir.path("console")).expect("a file"))
            .spawn()
            .expect("/bin/sh");
        let mut machine = Machine { dir, syslog, script };
        let ready = machine.dir.path("ready");
        until(PATIENCE, "the machine is up", || {
            let gone = machine.script.try_wait().expect("waiting for machine.sh");
            assert!(gone.is_none(), "no machine: {gone:?}: {}", machine.console());
            ready.exists() || init == "systemd" && machine.run("systemctl is-active test.target").code == Some(0)
        });
        Some(machine)
    }

    /// A file of the machine, below /etc or /var.
    pub fn write(&self, path: &str, text: &str) {
        self.dir.write(path.trim_start_matches('/'), text);
    }

    /// A file of the test's directory, which is the machine's too.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path(name)
    }

    /// Runs lines of shell on the machine.
    pub fn run(&self, script: &str) -> Said {
        let pid = fs::read_to_string(self.dir.path("pid")).unwrap_or_default();
        let pid = pid.trim();
        let output = Command::new("timeout")
            .args(["-s", "KILL", "60", "nsenter", "-m", "-u", "-i", "-t", pid])
            .args([&format!("--pid=/proc/{pid}/ns/pid_for_children"), "--", "/bin/sh", "-c", script])
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .output()
            .expect("nsenter(1)");
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        Said { text, code: output.status.code() }
    }

    /// Runs lines of shell that must all succeed; what they wrote.
    #[track_caller]
    pub fn sh(&self, script: &str) -> String {
        let said = self.run(&format!("set -e\n{script}"));
        assert_eq!(said.code, Some(0), "{script}\n{}\n{:#?}", said.text, self.syslog.lines());
        said.text
    }

    /// Waits until 127.0.0.1:2525 has a listener, without a connection of our own.
    #[track_caller]
    pub fn until_listening(&self) {
        until(PATIENCE, "somebody listens on port 2525", listening);
    }

    /// What the first process wrote.
    pub fn console(&self) -> String {
        fs::read_to_string(self.dir.path("console")).unwrap_or_default()
    }

    /// A client on 127.0.0.1:2525.
    pub fn client(&self) -> TcpStream {
        let client = TcpStream::connect("127.0.0.1:2525").expect("a connection to the superserver");
        client.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        client
    }

    /// A client on another address, as soon as that has a listener.
    #[track_caller]
    pub fn client_of(&self, address: &str) -> TcpStream {
        let mut client = None;
        until(PATIENCE, "somebody listens there", || {
            client = TcpStream::connect(address).ok();
            client.is_some()
        });
        let client = client.expect("a connection");
        client.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        client
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        let _ = self.script.wait();
    }
}

pub fn listening() -> bool {
    // Local address 127.0.0.1:2525 in state LISTEN, as proc(5) writes it.
    let table = fs::read_to_string("/proc/self/net/tcp").unwrap_or_default();
    table.lines().any(|line| line.contains(" 0100007F:09DD 00000000:0000 0A "))
}

/// The version of a peer that tests/run unpacked.
#[track_caller]
pub fn version(name: &str) -> String {
    let peer = peer(name).expect("a peer that is there");
    fs::read_to_string(peer.join("version")).expect("a version").trim().to_owned()
}

/// The directory into which tests/run unpacked a package; a skip if there is none.
fn peer(name: &str) -> Option<PathBuf> {
    let peer = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers").join(name);
    if peer.is_dir() {
        return Some(peer);
    }
    skip(&format!("needs {name}: tests/run unpacks it into target/peers"));
    None
}
