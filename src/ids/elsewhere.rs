//! macOS, NetBSD, illumos: no call tells the saved identity, and setuid(2) of root sets all three. The caller tries whether
//! it did (confine/user.rs).

use nix::unistd::{getegid, geteuid, getgid, getuid, setgid, setuid, Gid, Uid};
use nix::Result;

pub struct ResUid {
    pub real: Uid,
    pub effective: Uid,
    /// The effective one again: at the start of a set-user-ID program the saved one is the same.
    pub saved: Uid,
}

pub struct ResGid {
    pub real: Gid,
    pub effective: Gid,
    pub saved: Gid,
}

pub fn getresuid() -> Result<ResUid> {
    Ok(ResUid { real: getuid(), effective: geteuid(), saved: geteuid() })
}

pub fn getresgid() -> Result<ResGid> {
    Ok(ResGid { real: getgid(), effective: getegid(), saved: getegid() })
}

/// No caller asks for three different ones.
pub fn setresuid(real: Uid, _effective: Uid, _saved: Uid) -> Result<()> {
    setuid(real)
}

pub fn setresgid(real: Gid, _effective: Gid, _saved: Gid) -> Result<()> {
    setgid(real)
}

#[cfg(not(target_vendor = "apple"))]
pub use nix::unistd::setgroups;

/// nix has none for macOS, whose groups are a directory service's: let launchd's UserName drop the rights of root.
#[cfg(target_vendor = "apple")]
pub fn setgroups(_groups: &[Gid]) -> Result<()> {
    Err(nix::errno::Errno::ENOSYS)
}
