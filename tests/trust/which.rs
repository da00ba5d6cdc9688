//! Which of the certificates is to blame: the leaf is renewed by one person, a CA above it replaced by another.

use rcgen::date_time_ymd;

use crate::support::ca::Ca;
use crate::support::dir::Dir;
use crate::support::limit::{within, USUAL};
use crate::trust::{chain, refuses_by_name, trusting};

/// Goal: a bug that was: "certificate expired, its administrator must renew it" of a leaf that is good.
#[test]
fn an_expired_intermediate_is_named_with_its_place_and_the_leaf_is_not_blamed() {
    within(USUAL, || {
        let (dir, root) = (Dir::new(), Ca::new());
        let one = root.sub("Good Sub");
        let two = one.sub_with("Old Sub", |params| params.not_after = date_time_ymd(2021, 11, 1));
        let words = [
            "intermediate 2 of 3 expired on 2021-11-01, today is 20",
            " (CN=Old Sub); ask the server's administrator to replace it",
            "the server's own certificate is not to blame",
        ];
        refuses_by_name(trusting(&root, &dir), chain(&two.leaf(), &[&two, &one]), &words, &["renew"]);
        let early = one.sub_with("Early Sub", |params| {
            (params.not_before, params.not_after) = (date_time_ymd(3000, 1, 1), date_time_ymd(4000, 1, 1));
        });
        let words = ["intermediate 2 of 3 not valid before 3000-01-01, today is 20", "(CN=Early Sub)"];
        refuses_by_name(trusting(&root, &dir), chain(&early.leaf(), &[&early, &one]), &words, &[]);
    });
}

/// Goal: a root that was sent and is over: not the leaf, and nothing to renew.
#[test]
fn an_expired_root_that_was_sent_is_named_with_its_place() {
    within(USUAL, || {
        let dir = Dir::new();
        let old = Ca::with("Old Root", |params| params.not_after = date_time_ymd(2021, 11, 1));
        let words = [
            "unknown CA, expired on 2021-11-01, today is 20",
            "(CN=Old Root, not in our CA file); ask its administrator; maybe somebody in between",
        ];
        refuses_by_name(trusting(&Ca::new(), &dir), chain(&old.leaf(), &[&old]), &words, &["renew", "--ca-file"]);
    });
}

/// Goal: a sentence with a date has today's too, and both explanations of a certificate that begins later.
#[test]
fn a_certificate_that_begins_tomorrow_may_have_been_installed_too_early() {
    within(USUAL, || {
        let (dir, ca) = (Dir::new(), Ca::new());
        let leaf = ca.leaf_not_yet_valid((3021, 12, 31));
        let words = [
            "certificate not valid before 3021-12-31, today is 20",
            "; check this machine's clock; or ask the server's administrator, because it may have been installed too early",
        ];
        refuses_by_name(trusting(&ca, &dir), chain(&leaf, &[]), &words, &[]);
    });
}
