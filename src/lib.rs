//! The list of modules and nothing else: tests, benches and fuzz targets reach inside through it. No public API.
//!
//! A file uses `crate::` files of lower floors only (tests/floors checks it).

// floor 5
pub mod check;
pub mod report;
pub mod setup;
// floor 4
pub mod dial;
pub mod relay;
// floor 3
pub mod starttls;
pub mod tls;
pub mod version;
// floor 2
pub mod cli;
pub mod confine;
pub mod logging;
pub mod net;
pub mod stdio;
pub mod trust;
// floor 1
pub mod error;
pub mod ids;
pub mod options;
pub mod socket;
pub mod wait;
pub mod x509;
// floor 0
pub mod buffer;
pub mod crypto;
pub mod deadline;
pub mod exit;
pub mod hooks;
pub mod kinds;
pub mod smtp;
pub mod text;
