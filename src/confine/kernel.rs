//! What Linux has: no_new_privs, "dumpable", Landlock (landlock(7)). After an error we have the rights of any other
//! program.

use landlock::{
    Access, AccessFs, AccessNet, BitFlags, NetPort, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    RulesetStatus, Scope, ABI,
};

/// DNS over TCP, for answers that do not fit a datagram (RFC 7766).
const DOMAIN: u16 = 53;

/// The newest version that is used here. Later ones restrict Unix sockets, which are the way to syslogd and nscd, and
/// datagrams, which are the way to the name server.
const KNOWN: ABI = ABI::V8;

/// No file to write, create or execute; connections to these ports and to name servers alone; no signal to others.
/// Reading stays open: the resolver reads /etc and loads libraries. Returns how much of Landlock is in force, in a word.
pub fn before_the_network(ports: impl IntoIterator<Item = u16>) -> &'static str {
    let _ = nix::sys::prctl::set_dumpable(false);
    let _ = nix::sys::prctl::set_no_new_privs();
    restrict(AccessFs::from_write(KNOWN) | AccessFs::Execute, ports.into_iter().chain([DOMAIN]))
}

/// No file at all, and no connection. What is open stays open, the log included; syslogd may be connected to again.
pub fn before_the_session() {
    restrict(AccessFs::from_all(KNOWN), []);
}

fn restrict(files: BitFlags<AccessFs>, ports: impl IntoIterator<Item = u16>) -> &'static str {
    match try_restrict(files, ports) {
        Ok(RulesetStatus::FullyEnforced) => "full",
        Ok(RulesetStatus::PartiallyEnforced) => "partial",
        Ok(RulesetStatus::NotEnforced) | Err(_) => "none",
    }
}

fn try_restrict(
    files: BitFlags<AccessFs>,
    ports: impl IntoIterator<Item = u16>,
) -> Result<RulesetStatus, RulesetError> {
    if pretend_none() {
        return Ok(RulesetStatus::NotEnforced);
    }
    let rules = Ruleset::default()
        .handle_access(files)?
        .handle_access(AccessNet::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?
        .create()?;
    let rules =
        ports.into_iter().try_fold(rules, |rules, port| rules.add_rule(NetPort::new(port, AccessNet::ConnectTcp)))?;
    // no_new_privs is set already.
    Ok(rules.no_new_privs(false).restrict_self()?.ruleset)
}

/// As on a kernel without Landlock.
#[cfg(feature = "test-hooks")]
fn pretend_none() -> bool {
    std::env::var_os("SMTPS_BRIDGE_TEST_NO_LANDLOCK").is_some()
}

#[cfg(not(feature = "test-hooks"))]
fn pretend_none() -> bool {
    false
}
