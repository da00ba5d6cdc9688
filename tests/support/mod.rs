//! What the tests stand on. `ca` and `smarthost` also serve the demo and the benches.

pub mod bridge;
pub mod build;
pub mod ca;
pub mod dir;
pub mod forge;
pub mod kernel;
pub mod limit;
pub mod mail;
pub mod namespace;
pub mod outcome;
pub mod peer;
pub mod smarthost;
pub mod syslog;
pub mod talk;
pub mod tested;
