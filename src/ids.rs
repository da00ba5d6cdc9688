//! The three identities of a process, real, effective and saved, and its groups: the system's calls if it has them.

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_os = "openbsd"))]
pub use nix::unistd::{getresgid, getresuid, setgroups, setresgid, setresuid};

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_os = "openbsd")))]
mod elsewhere;
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_os = "openbsd")))]
pub use elsewhere::{getresgid, getresuid, setgroups, setresgid, setresuid};
