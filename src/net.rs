//! The way to an address: name lookup, staggered connects, socket options, all under a deadline.

mod connect;
mod resolve;

use crate::options::Family;

pub use connect::{connect, connect_one, Race};
pub use resolve::resolve;

fn words(family: Family) -> &'static str {
    match family {
        Family::Both => "IPv4 or IPv6",
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    }
}
