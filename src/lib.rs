//! The list of modules and nothing else: tests, benches and fuzz targets reach inside through it. No public API.
//!
//! A file uses `crate::` files of lower floors only (tests/floors checks it). `NAME.rs` begins with what the room owns, and
//! `NAME/` holds its parts. main.rs has the order in which they are used.
//!
//! | what you want to change | is in |
//! |---|---|
//! | an option: its name and help; what is wrong with its value; what it is to the others | cli; cli/values; options |
//! | what `--print-config` prints; the name of a kind | setup/ and the table in setup; kinds |
//! | the report of `--check`, and what it tries | check |
//! | why there is no session: the sentence | error/certificate, error/trouble, error/in_clear, error/sentence |
//! | why there is no session: stage, status, exit code | error/table, error/in_clear |
//! | an exit code and its meaning | exit |
//! | the log line of a session; the 421 as a line | report; smtp |
//! | how a session ends: `end=`, exit code, clocks | relay/decide, relay/end |
//! | who is polled, read and written, and when | relay/watch, up, down |
//! | what a reply is, and the longest | smtp/reply |
//! | which replies are owed; what is held of the client's words | smtp/dialogue, and its server; its client |
//! | hosts, addresses and the clocks before a session | dial/search, net |
//! | the clear-text way to TLS | starttls |
//! | handshake, records, alerts | tls |
//! | whom we trust; what is read from a certificate | trust; x509 |
//! | descriptors 0 to 2; who the client is and whether it is served | stdio; stdio/client |
//! | users, rights, Landlock | confine |
//! | syslog and stderr | logging |
//! | how text from outside is escaped | text |
//! | what this system does otherwise than Linux | wait, socket, ids, confine |

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
