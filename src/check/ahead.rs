//! What is not a fault today but will be one.

use std::env;
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use nix::unistd::geteuid;

use super::details::show_days;
use super::screen::Screen;
use crate::crypto::SLOW_START;
use crate::options::{Anchors, Options, ServerTrust};
use crate::trust::{Trusted, ROOTS};
use crate::x509::{date, now};

/// Mozilla changes its roots a few times a year.
const OLD_ROOTS: Duration = Duration::from_secs(180 * 86_400);

/// This program, and what it was given.
pub fn look(options: &Options, trusted: &Trusted, was_root: bool, screen: &mut Screen) {
    screen.about("this program");
    if let Some(why) = SLOW_START {
        screen.line("note", why);
    }
    let given = &trusted.given;
    let built_in = !given.has_own_anchors() && !given.pin_only;
    if built_in && ROOTS.1 < date(now().saturating_sub(OLD_ROOTS)).as_str() {
        screen.wrong("warning", &format!("its roots are of {}, more than 180 days old: update it", ROOTS.1));
    }
    if let Some(variable) = unread(given.system_roots && was_root) {
        screen.line("note", &format!("{variable} is set and not read, because root started us: use --ca-file instead"));
    }
    if was_root && !geteuid().is_root() {
        files(options, screen);
    }
    if let Some(cert) = &trusted.identity {
        screen.about("our certificate (--cert)");
        show_days(cert.validity, false, "ask its issuer for a new one", screen);
        if !cert.may_be_a_client {
            let advice =
                "it is not for clients (extended key usage), and a server may refuse it: ask its issuer for one \
                          that is";
            screen.wrong("warning", advice);
        }
    }
}

fn unread(ignores_environment: bool) -> Option<&'static str> {
    ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .into_iter()
        .find(|variable| ignores_environment && env::var_os(variable).is_some())
}

/// Root reads them before it becomes another user: that user's sessions may not be able to read them.
fn files(options: &Options, screen: &mut Screen) {
    let is_denied = |path: &Path| File::open(path).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied);
    let identity = options.trust.identity.as_ref();
    let ca_file = match &options.trust.server {
        ServerTrust::Chain { anchors: Anchors::File(path), .. } => Some(path),
        _ => None,
    };
    let ours = identity.into_iter().flat_map(|identity| [&identity.cert, &identity.key]);
    for path in ca_file.into_iter().chain(ours) {
        if is_denied(path) {
            let path = path.display();
            screen.line("note", &format!("only root can read {path}: fine if the superserver starts us as root"));
        }
    }
    if let Some(identity) = identity.filter(|identity| File::open(&identity.key).is_ok()) {
        let path = identity.key.display();
        screen.line("note", &format!("the user that we become can read {path}, a private key: let root alone read it"));
    }
}
