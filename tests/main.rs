//! All integration tests, in one binary: it links once, and one limit of threads holds for all of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking; libtest reports them"
)]

mod bench;
mod check;
mod cli;
mod confine;
mod cost;
mod dialogue;
mod docs;
mod exit_status;
mod floors;
mod fuzz;
mod hostile;
mod logging;
mod reach;
mod real;
mod relay;
mod require_auth;
mod scripts;
mod setup;
mod starttls;
mod stdio;
mod support;
mod trust;
