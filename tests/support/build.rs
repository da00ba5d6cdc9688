//! What the bridge under test is a build of: its cryptographic library and its trust anchors are cargo features.

use smtps_bridge::crypto::POST_QUANTUM;
use smtps_bridge::options::Anchors;
use smtps_bridge::trust::anchors_name;

/// What is agreed on with our own smarthosts, which know them all.
pub const GROUP: &str = match POST_QUANTUM {
    true => "X25519MLKEM768",
    false => "X25519",
};

/// The trust anchors that are used without an option, as a refusal names them.
pub fn usual_roots() -> String {
    format!("not in {}", anchors_name(&Anchors::USUAL))
}

/// True in a build whose library has no ML-KEM: there is no hello to try without it.
#[must_use]
pub fn without_ml_kem() -> bool {
    !POST_QUANTUM
}
