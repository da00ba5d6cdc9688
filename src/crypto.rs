//! The cryptographic library, chosen when the program is built. No other file names one: aws-lc-rs is the default, ring
//! builds on more machines.

#[cfg(feature = "aws-lc-rs")]
pub use rustls::crypto::aws_lc_rs as library;
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
pub use rustls::crypto::ring as library;

#[cfg(all(feature = "aws-lc-rs", feature = "ring"))]
compile_error!(
    "the features aws-lc-rs (on by default) and ring exclude each other: build with one of them, see packaging/README.md"
);

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
compile_error!(
    "a cryptographic library is missing: build with the feature aws-lc-rs or with ring, see packaging/README.md"
);

/// Whether there is X25519MLKEM768: ring has no ML-KEM.
pub const POST_QUANTUM: bool = cfg!(feature = "aws-lc-rs");

pub const LIBRARY: &str =
    if POST_QUANTUM { "aws-lc, with post-quantum X25519MLKEM768" } else { "ring, without post-quantum key exchange" };

/// What build.rs found: aws-lc was told to gather its own entropy, which a one-shot program does for every session.
pub const SLOW_START: Option<&str> = match option_env!("SMTPS_BRIDGE_SLOW_START") {
    Some(_) if POST_QUANTUM => Some(
        "slow start, 50 ms per session: it was built without AWS_LC_SYS_NO_JITTER_ENTROPY=1, see \"Build and install\"",
    ),
    _ => None,
};

/// None only if the library lacks it, and neither of the two does.
pub fn sha256(data: &[u8]) -> Option<[u8; 32]> {
    let hash = library::cipher_suite::TLS13_AES_128_GCM_SHA256.tls13()?.common.hash_provider.hash(data);
    hash.as_ref().try_into().ok()
}
