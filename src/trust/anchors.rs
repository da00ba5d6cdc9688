//! Trust anchors: Mozilla's, compiled in, unless the feature `system-roots` leaves them out; a file's; the system's.

use rustls::RootCertStore;

use crate::error::Error;
#[cfg(not(feature = "system-roots"))]
use crate::hooks;
use crate::options::Anchors;

use super::files;

#[cfg(not(any(feature = "built-in-roots", feature = "system-roots")))]
compile_error!(
    "trust anchors are missing: build with the feature built-in-roots or with system-roots, see packaging/README.md"
);

/// When the built-in roots (webpki-roots, see Cargo.lock) were published. A test compares the pair with Cargo.lock.
pub const ROOTS: (&str, &str) = ("1.0.10", "2026-10-19");

/// # Errors
/// `Error::Unusable`, naming the file, the problem and the cure.
pub fn store(anchors: &Anchors) -> Result<RootCertStore, Error> {
    match anchors {
        #[cfg(not(feature = "system-roots"))]
        Anchors::BuiltIn => {
            let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
            if let Some(path) = hooks::anchor() {
                roots.roots.extend(files::ca_file(&path)?.roots);
            }
            Ok(roots)
        }
        Anchors::File(path) => files::ca_file(path),
        Anchors::System => files::system_roots(),
    }
}

/// In words: "the certificate is from a CA not in ..."
pub fn name(anchors: &Anchors) -> String {
    match anchors {
        #[cfg(not(feature = "system-roots"))]
        Anchors::BuiltIn => format!("Mozilla's roots of {}", ROOTS.1),
        Anchors::File(_) => "our CA file".to_owned(),
        Anchors::System => "the system's roots".to_owned(),
    }
}
