//! What this program was built with, for `--version`: roots, cryptography, and whether it starts slowly.

use crate::crypto::{LIBRARY, SLOW_START};
use crate::options::Anchors;
use crate::trust::anchors_name;

/// The first line is for scripts; each further one is a fact, or a warning.
pub fn version() -> String {
    let roots = anchors_name(&Anchors::USUAL);
    let slow = SLOW_START.map(|why| format!("warning: {why}\n")).unwrap_or_default();
    format!("smtps-bridge {} ({roots})\ncryptography: {LIBRARY}\n{slow}", env!("CARGO_PKG_VERSION"))
}
