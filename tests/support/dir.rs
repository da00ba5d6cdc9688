//! A directory of a test's own, gone with it. Everyone may enter it: the bridge drops root for `nobody`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

pub struct Dir(PathBuf);

impl Dir {
    pub fn new() -> Dir {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("smtps-bridge-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        // /tmp, not TMPDIR: the path of a Unix socket has at most 107 octets.
        let path = Path::new("/tmp").join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("a directory in /tmp");
        let dir = Dir(path);
        dir.mode("", 0o755);
        dir
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, data: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(name), data).expect("a file in the test's directory");
        self.path(name)
    }

    pub fn mode(&self, name: &str, mode: u32) {
        let path = if name.is_empty() { self.0.clone() } else { self.path(name) };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
