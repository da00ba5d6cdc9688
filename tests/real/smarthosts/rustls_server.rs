//! A server of rustls that knows X25519MLKEM768, in the test's own process: the embedded smarthost.

use crate::support::bridge::House;
use crate::support::build::GROUP;
use crate::support::limit::within;
use crate::support::tested::{tested, Role};
use crate::support::{mail, smarthost};

use crate::real::LIMIT;

use super::sink::Message;
use super::Server;

/// Goal: every kind of mail arrives as it was sent, under a post-quantum key exchange if this build has one.
#[test]
fn rustls_takes_every_kind_of_mail() {
    within(LIMIT, || {
        let server = rustls();
        let taken = server.takes_every_kind_of_mail(&["8BITMIME", "PIPELINING"]);
        taken.logged(&["tls=TLSv1.3", &format!("group={GROUP}"), "end=close_notify"]);
        let result = format!("{}, {GROUP}", taken.kinds);
        tested(Role::Smarthost, "rustls", "our own, on rustls", &version(), &result);
    });
}

/// Goal: its 535 passes unchanged.
#[test]
fn rustls_refuses_a_wrong_password() {
    within(LIMIT, || rustls().refuses_a_wrong_password());
}

fn rustls() -> Server {
    let house = House::new();
    let smarthost = mail::smarthost(&house.leaf);
    let host = smarthost.host();
    let message = |m: smarthost::Message| Message::new(m.from, m.to, &m.data);
    let inbox = Box::new(move || smarthost.inbox().into_iter().map(message).collect());
    Server { house, host, inbox, machine: None }
}

/// Of Cargo.lock.
fn version() -> String {
    let lock = include_str!("../../../Cargo.lock");
    let package = lock.split("name = \"rustls\"\nversion = \"").nth(1).expect("rustls in Cargo.lock");
    package.split('"').next().expect("a version").to_owned()
}
