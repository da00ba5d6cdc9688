//! `--user`, and what happens without it.

use nix::sys::signal::Signal;
use nix::unistd::User;

use crate::confine::{assert_is, assert_no_core, silent};
use crate::support::bridge::{House, Start, PROGRAM};
use crate::support::limit::{within, without_root, USUAL};
use crate::support::namespace::{inside, replace, sh};
use crate::support::outcome::{good, refusal, session};
use crate::support::peer::nobody_listens;

/// Starts, waits until the bridge has connected, and looks at it.
#[track_caller]
fn becomes(change: impl FnOnce(Start) -> Start, uid: u32, gid: u32) {
    let house = House::new();
    let (peer, connected) = silent();
    let (bridge, client) = change(house.bridge(peer.host())).socket();
    connected.recv_timeout(USUAL / 2).unwrap_or_else(|_| panic!("not connected: {}", bridge.log()));
    assert_is(bridge.pid(), uid, gid);
    assert_no_core(bridge.pid());
    bridge.signal(Signal::SIGTERM);
    drop(client);
    assert_eq!(bridge.finish().code, 75);
    peer.done();
}

fn ids(name: &str) -> (u32, u32) {
    let user = User::from_name(name).unwrap().unwrap();
    (user.uid.as_raw(), user.gid.as_raw())
}

#[test]
fn started_as_root_it_is_nobody_in_every_way_before_it_connects() {
    if without_root() {
        return;
    }
    within(USUAL, || {
        let (uid, gid) = ids("nobody");
        becomes(|start| start, uid, gid);
    });
}

/// Goal: groups that a superserver left (xinetd without `groups = no`) are gone too.
#[test]
fn supplementary_groups_of_the_superserver_are_dropped() {
    if without_root() || crate::support::namespace::without_tool("setpriv") {
        return;
    }
    within(USUAL, || {
        let (uid, gid) = ids("nobody");
        becomes(|start| start.under_shell("exec setpriv --groups 4,8,24 \"$0\" \"$@\";", ""), uid, gid);
    });
}

#[test]
fn a_user_of_ones_own_is_taken_by_name_or_by_numbers() {
    if without_root() {
        return;
    }
    within(USUAL, || {
        let (uid, gid) = ids("daemon");
        becomes(|start| start.args(["--user", "daemon"]), uid, gid);
        becomes(|start| start.args(["--user", "4242:4243"]), 4242, 4243);
    });
}

#[test]
fn root_stays_root_only_when_that_is_said_aloud() {
    if without_root() {
        return;
    }
    within(USUAL, || becomes(|start| start.args(["--user", "root"]), 0, 0));
}

/// Goal: if it is not started as root, it stays the same user, with or without --user saying so.
#[test]
fn a_start_without_root_stays_who_it_is() {
    if without_root() {
        return;
    }
    within(USUAL, || {
        let (uid, gid) = ids("daemon");
        // `Start::user` has one number for both.
        assert_eq!(uid, gid);
        becomes(|start| start.user(uid), uid, gid);
        becomes(|start| start.user(uid).args(["--user", "daemon"]), uid, gid);
        becomes(|start| start.user(4242), 4242, 4242);
        becomes(|start| start.user(4242).args(["--user", "4242:4242"]), 4242, 4242);
    });
}

#[test]
fn a_start_without_root_cannot_become_another_user() {
    if without_root() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        for (user, words) in [
            ("daemon", ["daemon", "only root", "leave --user out"]),
            ("root", ["root", "only root", "leave --user out"]),
            ("4243:4243", ["4243:4243", "only root", "leave --user out"]),
            ("no-such-user", ["no-such-user", "no such user", "--user"]),
        ] {
            let start = house.bridge(nobody_listens().to_string()).user(4242).args(["--user", user]);
            refusal(start).assert("4.3.5", 78, &words);
        }
    });
}

/// Goal: GID is never dropped in silence: with root's own number it is taken, and without root a group that is not ours
/// is as far away as another user.
#[test]
fn the_group_of_uid_and_gid_is_taken_or_refused_but_not_forgotten() {
    if without_root() {
        return;
    }
    within(USUAL, || {
        becomes(|start| start.args(["--user", "0:4243"]), 0, 4243);
        let house = House::new();
        let start = house.bridge(nobody_listens().to_string()).user(4242).args(["--user", "4242:0"]);
        refusal(start).assert("4.3.5", 78, &["4242:0", "only root"]);
    });
}

#[test]
fn a_user_that_does_not_exist_is_78_with_the_cure() {
    if without_root() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let refusal = refusal(house.bridge(nobody_listens().to_string()).args(["--user", "no-such-user"]));
        refusal.assert("4.3.5", 78, &["no-such-user", "no such user", "--user UID:GID", "--user root"]);
        assert!(refusal.reply.contains("no such user"), "{refusal:#?}");
    });
}

/// Goal: a container without the user `nobody` says what to write; numbers need no user database.
#[test]
fn a_container_without_nobody_is_78_with_the_cure_and_numbers_work() {
    inside(|| {
        let house = House::new();
        replace("/etc/passwd", &house.dir.write("passwd", "root:x:0:0:root:/root:/bin/sh\n"));
        // systemd's module would make one up.
        replace("/etc/nsswitch.conf", &house.dir.write("nsswitch.conf", "passwd: files\ngroup: files\n"));
        let refusal = refusal(house.bridge(nobody_listens().to_string()));
        refusal.assert("4.3.5", 78, &["nobody", "no such user", "--user UID:GID", "--user root"]);
        let peer = good(&house.leaf);
        session(house.bridge(peer.host()).args(["--user", "65534:65534"]));
        peer.done();
    });
}

/// Goal: set-user-ID root (no one should, somebody will): the real user is not enough, all three are `nobody`.
#[test]
fn a_set_user_id_start_is_nobody_in_every_way_too() {
    if without_root() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let copy = house.dir.path("bridge");
        // By another process: a descriptor of ours, open for writing in a child of another test, is ETXTBSY.
        sh(&format!("cp {PROGRAM} {}", copy.display()));
        house.dir.mode("bridge", 0o4755);
        let (uid, gid) = ids("nobody");
        let exec = format!("exec {} \"$@\";", copy.display());
        becomes(|start| start.under_shell(&exec, "").user(4242), uid, gid);
    });
}

/// Goal: set-group-ID: the starting user's group is not kept, so there is no way back to it.
#[test]
fn a_set_group_id_start_keeps_one_group() {
    if without_root() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let copy = house.dir.path("bridge");
        sh(&format!("cp {PROGRAM} {0} && chgrp 4243 {0}", copy.display()));
        house.dir.mode("bridge", 0o2755);
        let exec = format!("exec {} \"$@\";", copy.display());
        becomes(|start| start.under_shell(&exec, "").user(4242), 4242, 4243);
    });
}

/// A bug that was: the sentence began with "user", and did not say where it came from.
#[test]
fn a_user_that_does_not_exist_is_told_with_its_option() {
    if without_root() {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let refusal = refusal(house.bridge(nobody_listens().to_string()).args(["--user", "no-such-user"]));
        refusal.assert("4.3.5", 78, &["reason=\"--user no-such-user: there is no such user here"]);
    });
}
