//! The way to the smarthost: names, addresses, hosts, and one deadline for all of them.

pub mod addresses;
mod deadline;
mod failover;
mod greeting;
pub mod lookup;
mod own_port;
mod sockets;
