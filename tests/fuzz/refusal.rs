//! What every refused command line must be: a sentence that can be printed, an exit code of its kind, a temporary reply.

use smtps_bridge::error::Error;
use smtps_bridge::exit::Exit;

pub fn check(error: &Error) {
    let sentence = error.to_string();
    assert!(!sentence.is_empty() && sentence.bytes().all(|octet| (0x20..=0x7e).contains(&octet)), "{sentence:?}");
    assert!(matches!(error.exit(), Exit::Usage | Exit::Config), "{sentence}");
    assert!(error.status().starts_with("4."), "promise 1");
}
