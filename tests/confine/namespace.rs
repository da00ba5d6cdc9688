//! Containers: a root that cannot become another user gets a sentence with the cure, and no session.

use crate::support::bridge::{House, Start};
use crate::support::limit::{skip, within, without_root, USUAL};
use crate::support::namespace::without_tool;
use crate::support::outcome::{good, refusal, session};
use crate::support::peer::nobody_listens;

/// In a user namespace whose root is the only user, where setgroups(2) is refused.
fn only_root(start: Start) -> Start {
    start.under_shell("exec unshare --user --map-root-user \"$0\" \"$@\";", "")
}

/// True, with a skip, if this kernel gives no user namespace.
fn without_user_namespaces() -> bool {
    if without_tool("unshare") {
        return true;
    }
    let tried = std::process::Command::new("unshare").args(["--user", "--map-root-user", "true"]).output();
    if tried.is_ok_and(|tried| tried.status.success()) {
        return false;
    }
    skip("needs user namespaces");
    true
}

#[test]
fn a_user_namespace_that_refuses_setgroups_is_told_with_the_cure() {
    if without_user_namespaces() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        for user in [None, Some("4242:4242"), Some("daemon")] {
            let start = house.bridge(nobody_listens().to_string());
            let start = user.iter().fold(start, |start, user| start.arg("--user").arg(*user));
            refusal(only_root(start)).assert("4.3.0", 71, &["setgroups", user.unwrap_or("nobody"), "--user root"]);
        }
    });
}

#[test]
fn the_cure_works_there() {
    if without_user_namespaces() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let peer = good(&house.leaf);
        session(only_root(house.bridge(peer.host()).args(["--user", "root"])));
        peer.done();
    });
}

/// Goal: a container without CAP_SETUID and CAP_SETGID (`--cap-drop ALL`) gets the same sentence.
#[test]
fn a_root_without_capabilities_is_told_with_the_cure() {
    if without_root() || without_tool("setpriv") {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        for bounding in ["-setgid", "-setuid", "-all"] {
            let before = format!("exec setpriv --bounding-set {bounding} \"$0\" \"$@\";");
            let start = house.bridge(nobody_listens().to_string()).under_shell(&before, "");
            refusal(start).assert("4.3.0", 71, &["cannot become user nobody", "--user root"]);
        }
    });
}
