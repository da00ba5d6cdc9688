//! What accepts the connection and starts the bridge.

pub mod inetd;
mod systemd;
mod xinetd;
