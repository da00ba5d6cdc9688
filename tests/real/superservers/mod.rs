//! What accepts the connection and starts the bridge.

mod busybox;
pub mod inetd;
mod inetutils;
mod one_line;
mod rlinetd;
pub mod systemd;
mod tcpserver;
mod xinetd;

/// What the tests of each superserver show.
const SHOWN: &str = "mail with AUTH, 20 sessions at once, the reason whole, a queue of 300";
