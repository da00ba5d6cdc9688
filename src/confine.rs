//! Rights: what this process can still do. It gives them up in four steps, each before anything could misuse them.
//!
//! | step | before | gone from then on |
//! |---|---|---|
//! | `close_inherited` | anything is opened | descriptors that were left open by mistake |
//! | `confine` | the network, and any thread | user, groups, core dumps, new rights by exec; files to write or execute, ports |
//! | `only_this_session` | the relay's thread | files to read, new connections |
//! | `no_more_threads` | the first byte of the client | threads, processes |
//!
//! The change of user in the second must succeed, or there is no session. The rest is as much as the kernel has (best
//! effort): a second wall, whose absence is no reason to stop mail. `kernel` is the seam for a port: OpenBSD's
//! pledge("stdio rpath dns inet unix") and pledge("stdio unix"), FreeBSD's cap_enter() fit its two functions.
//!
//! A resolver thread that was given up (it hangs in getaddrinfo) keeps what `confine` left it: it can read files and
//! connect to the named ports, until the process ends. No system-call filter (seccomp): see SECURITY.md.

#[cfg_attr(not(target_os = "linux"), path = "confine/elsewhere.rs")]
mod kernel;
mod user;

use std::fs;

use nix::sys::resource::{getrlimit, rlim_t, setrlimit, Resource};

use crate::error::Error;
use crate::options::UserSpec;

/// Enough for the 16 addresses of a name that all stall, for the resolver of one more, and for the rest.
const DESCRIPTORS: rlim_t = 64;

/// The usual limit is 1024, and no superserver passes on that many; closing what is not open costs next to nothing.
const MOST_INHERITED: i32 = 4096;

/// 0, 1, 2, SIGTERM's, the log's, the smarthost's, a pair to wake the supervisor, /dev/null, and some to spare.
const DESCRIPTORS_OF_A_SESSION: rlim_t = 16;

/// Closes what a superserver left open above descriptor 2: a listening socket, a log, another client.
pub fn close_inherited() {
    let listed = fs::read_dir("/dev/fd");
    let listed = listed.into_iter().flatten().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    // The directory's own is among them, and closed by now: its error means nothing.
    for number in to_close(listed) {
        let _ = nix::unistd::close(number);
    }
}

/// All of `listed` above 2. At least the descriptor of the listing itself must be there; without it nothing was listed (no
/// /proc, no descriptor left to look with), or 0 to 2 alone (FreeBSD without fdescfs(5)): then all that may be open.
fn to_close(listed: impl Iterator<Item = i32>) -> Vec<i32> {
    let listed: Vec<i32> = listed.filter(|number| *number > 2).collect();
    if listed.is_empty() {
        (3..MOST_INHERITED).collect()
    } else {
        listed
    }
}

/// `ports`: where a connection may go. Returns how much of Landlock is in force, in a word for the log.
///
/// # Errors
/// `Error::Unusable` for a user that does not exist or cannot be had, `Error::Rights` when the drop fails.
pub fn confine(user: Option<&UserSpec>, ports: impl IntoIterator<Item = u16>) -> Result<&'static str, Error> {
    user::become_user(user)?;
    // The memory holds a password in plaintext. After setresuid, which resets "dumpable".
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    lower(Resource::RLIMIT_NOFILE, DESCRIPTORS);
    Ok(kernel::before_the_network(ports))
}

/// Between the greeting and the relay's thread, on the main thread: it inherits it.
pub fn only_this_session() {
    lower(Resource::RLIMIT_NOFILE, DESCRIPTORS_OF_A_SESSION);
    kernel::before_the_session();
}

/// RLIMIT_NPROC counts all threads of this user, not only ours, so it becomes 0, and only now. Root is not bound by it.
pub fn no_more_threads() {
    // nix has no such limit for the other systems.
    #[cfg(any(
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd",
        target_os = "openbsd",
        target_os = "netbsd"
    ))]
    let _ = setrlimit(Resource::RLIMIT_NPROC, 0, 0);
}

/// Never raises a limit.
fn lower(resource: Resource, limit: rlim_t) {
    if let Ok((soft, hard)) = getrlimit(resource) {
        let _ = setrlimit(resource, soft.min(limit), hard.min(limit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bug that was: on FreeBSD without fdescfs /dev/fd has 0, 1 and 2 alone, and nothing was closed.
    #[test]
    fn a_list_without_its_own_descriptor_is_no_list() {
        assert_eq!(to_close([0, 1, 2, 3, 7].into_iter()), [3, 7]);
        assert_eq!(to_close([0, 1, 2].into_iter()).len(), 4093);
        assert_eq!(to_close([].into_iter()).len(), 4093);
    }
}
