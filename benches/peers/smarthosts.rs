//! Real smarthosts with implicit TLS: Postfix and Exim, as tests/run unpacks them, each on a machine of its own
//! (tests/real/machine.sh), with a port for each version of TLS.

use std::env;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::ca::Leaf;
use crate::place::{as_root, Place};

/// Until a machine is up, or a server listens.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Smarthost {
    pub name: &'static str,
    pub version: String,
    pub tls12: u16,
    pub tls13: u16,
    machine: Child,
    directory: PathBuf,
}

pub fn postfix(place: &Place) -> io::Result<Smarthost> {
    // It only has to take sessions: commands in any number, and no mail.
    start(place, "Postfix", "postfix", |tls12, tls13| {
        format!(
            "printf 'postfix:x:990:990::/var/spool/postfix:/bin/false\n' >> /etc/passwd
            printf 'postfix:x:990:\npostdrop:x:991:\n' >> /etc/group
            mkdir -p /etc/postfix /var/lib/postfix /var/spool/postfix
            chown postfix: /var/lib/postfix
            cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
            cat > /etc/postfix/main.cf << END
compatibility_level = 3.6
myhostname = localhost
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_relay_restrictions = reject
smtpd_junk_command_limit = 100000
smtpd_client_connection_count_limit = 0
smtpd_tls_cert_file = /etc/smarthost-cert.pem
smtpd_tls_key_file = /etc/smarthost-key.pem
END
            postconf -F '*/*/chroot = n'
            postconf -MX smtp/inet
            wrapped='smtpd -o smtpd_tls_wrappermode=yes -o smtpd_tls_mandatory_protocols='
            postconf -M {tls12}/inet=\"{tls12} inet n - n - - $wrapped<=TLSv1.2\"
            postconf -M {tls13}/inet=\"{tls13} inet n - n - - $wrapped>=TLSv1.3\"
            postfix start"
        )
    })
}

pub fn exim(place: &Place) -> io::Result<Smarthost> {
    start(place, "Exim", "exim", |tls12, tls13| {
        format!(
            "printf 'Debian-exim:x:990:990::/var/spool/exim4:/bin/false\n' >> /etc/passwd
            printf 'Debian-exim:x:990:\n' >> /etc/group
            chown Debian-exim: /etc/smarthost-key.pem
            install -d -o Debian-exim -g Debian-exim /var/spool/exim4 /var/log/exim4
            mkdir -p /etc/exim4
            cat > /etc/exim4/exim4.conf << 'END'
primary_hostname = localhost
local_interfaces = 127.0.0.1
daemon_smtp_ports = {tls12} : {tls13}
tls_on_connect_ports = {tls12} : {tls13}
tls_certificate = /etc/smarthost-cert.pem
tls_privatekey = /etc/smarthost-key.pem
tls_require_ciphers = ${{if eq{{$received_port}}{{{tls12}}}{{NORMAL:-VERS-TLS1.3}}{{NORMAL}}}}
log_file_path = syslog
smtp_accept_max_nonmail = 100000
END
            exim4 -bd"
        )
    })
}

fn start(
    place: &Place,
    name: &'static str,
    peer: &str,
    script: impl FnOnce(u16, u16) -> String,
) -> io::Result<Smarthost> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let peer = root.join("target/peers").join(peer);
    let version = fs::read_to_string(peer.join("version"))
        .map_err(|_| io::Error::other(format!("{name} is not in target/peers: tests/run unpacks it there")))?;
    let (tls12, tls13) = (free_port()?, free_port()?);
    let leaf = place.ca.leaf();
    as_root(|| {
        let directory = env::temp_dir().join(format!("smtps-bridge-bench-{}-{name}", process::id()));
        fs::create_dir_all(directory.join("usr"))?;
        let console = fs::File::create(directory.join("console"))?;
        // Root in every respect: a shell gives up what only its effective user may do.
        let machine = Command::new("/bin/sh")
            .arg(root.join("tests/real/machine.sh"))
            .args([&directory, Path::new("cat"), &peer])
            .stdin(Stdio::piped())
            .stdout(console.try_clone()?)
            .stderr(console)
            .uid(0)
            .gid(0)
            .spawn()?;
        // From here on its end is that of the machine.
        let smarthost = Smarthost { name, version: version.trim().to_owned(), tls12, tls13, machine, directory };
        smarthost.set_up(&leaf, &script(tls12, tls13))?;
        Ok(smarthost)
    })
}

fn free_port() -> io::Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr().map(|address| address.port())
}

impl Smarthost {
    fn set_up(&self, leaf: &Leaf, script: &str) -> io::Result<()> {
        self.until("its machine is up", || self.directory.join("ready").exists())?;
        fs::write(self.directory.join("etc/smarthost-cert.pem"), &leaf.cert_pem)?;
        fs::write(self.directory.join("etc/smarthost-key.pem"), &leaf.key_pem)?;
        let pid = fs::read_to_string(self.directory.join("pid"))?.trim().to_owned();
        let output = Command::new("nsenter")
            .args(["-m", "-u", "-i", "-t", &pid, &format!("--pid=/proc/{pid}/ns/pid_for_children")])
            .args(["--", "/bin/sh", "-ec", script])
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .uid(0)
            .gid(0)
            .output()?;
        if !output.status.success() {
            let said = [output.stdout, output.stderr].concat();
            return Err(io::Error::other(format!("{}: {}", self.name, String::from_utf8_lossy(&said).trim())));
        }
        for port in [self.tls12, self.tls13] {
            self.until("it listens", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok())?;
        }
        Ok(())
    }

    fn until(&self, what: &str, condition: impl Fn() -> bool) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !condition() {
            if Instant::now() > deadline {
                let console = fs::read_to_string(self.directory.join("console")).unwrap_or_default();
                return Err(io::Error::other(format!("{}: waited in vain until {what}: {console}", self.name)));
            }
            // The pace of the looks.
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Smarthost {
    fn drop(&mut self) {
        drop(self.machine.stdin.take());
        let _ = self.machine.wait();
        let _ = as_root(|| fs::remove_dir_all(&self.directory));
    }
}
