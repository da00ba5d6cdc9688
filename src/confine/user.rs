//! The user: all three of real, effective and saved, for good.

use nix::errno::Errno;
use nix::unistd::{Gid, Uid, User};

use crate::error::{Error, Stage};
use crate::ids::{getresgid, getresuid, setgroups, setresgid, setresuid};
use crate::options::UserSpec;

/// Who we are, all three: real, effective and saved. Any of them can be taken back.
fn identities() -> Result<[Uid; 3], Error> {
    getresuid()
        .map(|ids| [ids.real, ids.effective, ids.saved])
        .map_err(|errno| Error::Rights(format!("cannot tell which user this is: {}", errno.desc())))
}

/// # Errors
/// `Error::Unusable` for a user that does not exist or cannot be had, `Error::Rights` when the drop fails.
pub fn become_user(user: Option<&UserSpec>) -> Result<(), Error> {
    let ours = identities()?;
    let [_, euid, _] = ours;
    let groups = getresgid().map_err(|errno| refused("getresgid", errno, user))?;
    let egid = groups.effective;
    let root = ours.iter().any(|uid| uid.is_root());
    let (uid, gid) = match user {
        Some(spec) => look_up("--user", spec)?,
        None if root => look_up("user", &UserSpec::Name("nobody".to_owned()))?,
        None => (euid, egid),
    };
    if !root {
        let other_group = matches!(user, Some(UserSpec::Ids { .. })) && gid != egid;
        if uid != euid || other_group {
            let problem = format!("only root can become another user, and this is {euid}:{egid}: leave --user out");
            return Err(Error::Unusable { role: "--user", object: name(user), problem });
        }
        // Set-group-ID, set-user-ID, or a mailer of sendmail with U=: the user who started us must not reach us, nor we
        // that user.
        if [groups.real, groups.saved] != [egid; 2] {
            setresgid(egid, egid, egid).map_err(|errno| refused("setresgid", errno, user))?;
        }
        return if ours == [uid; 3] { Ok(()) } else { set_uid(uid, user) };
    }
    // An explicit `--user root` works even if setgroups(2) or setresuid(2) is refused, as in a systemd service.
    if uid.is_root() && gid == egid {
        return if ours == [uid; 3] { Ok(()) } else { set_uid(uid, user) };
    }
    setgroups(&[gid]).map_err(|errno| refused("setgroups", errno, user))?;
    setresgid(gid, gid, gid).map_err(|errno| refused("setresgid", errno, user))?;
    set_uid(uid, user)
}

fn set_uid(uid: Uid, user: Option<&UserSpec>) -> Result<(), Error> {
    setresuid(uid, uid, uid).map_err(|errno| refused("setresuid", errno, user))?;
    let now = identities()?;
    let regained = !uid.is_root() && setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).is_ok();
    if now != [uid; 3] || regained {
        return Err(Error::Rights(
            "rights were dropped and are still there: this system is not safe to run on".to_owned(),
        ));
    }
    Ok(())
}

fn look_up(role: &'static str, spec: &UserSpec) -> Result<(Uid, Gid), Error> {
    let name = match spec {
        UserSpec::Ids { uid, gid } => return Ok((Uid::from_raw(*uid), Gid::from_raw(*gid))),
        UserSpec::Name(name) => name,
    };
    let problem = match User::from_name(name) {
        Ok(Some(user)) => return Ok((user.uid, user.gid)),
        Ok(None) => "there is no such user here".to_owned(),
        Err(errno @ (Errno::EMFILE | Errno::ENFILE)) => {
            return Err(Error::OutOf { stage: Stage::Arguments, source: errno.into() })
        }
        Err(errno) => format!("cannot be looked up: {}", errno.desc()),
    };
    Err(Error::Unusable { role, object: crate::text::word(name.as_bytes()), problem: problem + CURE })
}

const CURE: &str = ": name one with --user NAME or --user UID:GID, or stay root with --user root";

/// A container or user namespace may map no other user, or refuse setgroups(2).
fn refused(call: &str, errno: Errno, user: Option<&UserSpec>) -> Error {
    Error::Rights(format!("cannot become user {} ({call}: {}){CURE}", name(user), errno.desc()))
}

fn name(user: Option<&UserSpec>) -> String {
    match user {
        None => "nobody".to_owned(),
        Some(UserSpec::Name(name)) => crate::text::word(name.as_bytes()),
        Some(UserSpec::Ids { uid, gid }) => format!("{uid}:{gid}"),
    }
}
