//! Where the programs run: a directory of its own with the trust anchors, an ordinary user, many descriptors.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use nix::sys::resource::{getrlimit, setrlimit, Resource};
use nix::unistd::{geteuid, getuid, setegid, seteuid, setgroups, setresuid, Gid, Uid};
use rustls::version::{TLS12, TLS13};

use crate::ca::Ca;
use crate::server::Server;

/// The public roots as Debian, Alpine and FreeBSD install them, in this order.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/cert.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/usr/local/share/certs/ca-root-nss.crt",
];

const BRIDGE: &str = env!("CARGO_BIN_EXE_smtps-bridge");

/// 65534 on Debian and nearly everywhere else.
const NOBODY: u32 = 65534;

pub struct Place {
    pub directory: PathBuf,
    pub server: Server,
    pub ca: Ca,
    /// A copy of the program that `nobody` can read, too.
    pub bridge: PathBuf,
    /// The same of another build, if one is compared.
    pub also: Option<PathBuf>,
    /// A file with the CA of the smarthost and nothing else.
    pub small: PathBuf,
    /// The public roots of this machine, and that CA; None if there are none.
    pub public: Option<PathBuf>,
    /// How many certificates are in it.
    pub public_count: usize,
    /// A CA that did not issue the smarthost's certificate.
    pub wrong: PathBuf,
}

impl Place {
    pub fn new(also: Option<&Path>) -> io::Result<Place> {
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
        setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
        become_nobody()?;
        let directory = env::temp_dir().join(format!("smtps-bridge-bench-{}", process::id()));
        fs::create_dir(&directory)?;
        let [bridge, small, wrong, public] =
            ["smtps-bridge", "small.pem", "wrong.pem", "public.pem"].map(|name| directory.join(name));
        let bridge = as_root(|| copied(Path::new(BRIDGE), bridge))?;
        let also = also.map(|other| as_root(|| copied(other, directory.join("another")))).transpose()?;
        let ca = Ca::new();
        fs::write(&small, ca.pem())?;
        fs::write(&wrong, Ca::named("Another CA").pem())?;
        let mut public_count = 0;
        if let Some(bundle) = BUNDLES.iter().find_map(|path| fs::read_to_string(path).ok()) {
            let all = format!("{bundle}\n{}", ca.pem());
            public_count = all.matches("-----BEGIN CERTIFICATE").count();
            fs::write(&public, all)?;
        }
        let server = Server::start(ca.leaf().server(&[&TLS13, &TLS12]))?;
        let public = (public_count > 0).then_some(public);
        Ok(Place { directory, server, ca, bridge, also, small, public, public_count, wrong })
    }

    /// A CA file of this many roots; the smarthost's is the last.
    pub fn roots(&self, count: usize) -> io::Result<PathBuf> {
        let path = self.directory.join(format!("roots-{count}.pem"));
        let mut text: String = (1..count).map(|i| Ca::named(&format!("Root CA {i}")).pem().to_owned()).collect();
        text.push_str(self.ca.pem());
        fs::write(&path, text)?;
        Ok(path)
    }
}

fn copied(program: &Path, to: PathBuf) -> io::Result<PathBuf> {
    fs::copy(program, &to)?;
    Ok(to)
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = as_root(|| fs::remove_dir_all(&self.directory));
    }
}

/// The programs run as an ordinary user, so that none gains or loses by what root may or must do. Our saved uid stays
/// root's, for `as_root`; a program that is executed gets the effective one.
fn become_nobody() -> io::Result<()> {
    if getuid().is_root() {
        let (root, nobody) = (Uid::from_raw(0), Uid::from_raw(NOBODY));
        setgroups(&[])?;
        setegid(Gid::from_raw(NOBODY))?;
        setresuid(nobody, nobody, root)?;
    }
    Ok(())
}

/// Does something with root's rights, if the benchmark was started with them.
pub fn as_root<T>(action: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let user = geteuid();
    // Without them it is simply tried.
    let changed = seteuid(Uid::from_raw(0)).is_ok();
    let result = action();
    if changed {
        seteuid(user)?;
    }
    result
}
