//! What this machine has: a superserver and a mail program, told by their files in the usual places.

use std::path::Path;

use crate::error::Error;

use super::{named, Fill, Kind, MAIL_PROGRAMS, SUPERSERVERS};

/// The lines for both, each under a heading that says why it was chosen. A mail program that starts the bridge itself
/// needs no superserver.
///
/// # Errors
/// `Error::Usage`.
pub fn print(fill: &Fill) -> Result<String, Error> {
    let mail_program = sign(&MAIL_PROGRAMS).map(|(kind, sign)| (kind.name, format!("{sign} is here")));
    if let Some((SENDMAIL, why)) = &mail_program {
        return under_heading(SENDMAIL, why, fill);
    }
    let (superserver, why) = match sign(&SUPERSERVERS) {
        Some((kind, sign)) if kind.name != SYSTEMD => (kind.name, format!("{sign} is here")),
        Some(_) => (SYSTEMD, "there is no inetd here, and systemd runs".to_owned()),
        None => (SYSTEMD, "there is no inetd here, and no systemd runs now; still".to_owned()),
    };
    let text = under_heading(superserver, &why, fill)?;
    Ok(match mail_program {
        Some((name, why)) => format!("{text}\n{}", under_heading(name, &why, fill)?),
        None => {
            format!("{text}\n## no mail program that is known here was found (--print-config list shows them)\n")
        }
    })
}

const SYSTEMD: &str = "systemd";
const SENDMAIL: &str = "sendmail";

/// The first kind that is here, and the file that tells so.
fn sign(kinds: &'static [Kind]) -> Option<(&'static Kind, &'static str)> {
    kinds.iter().find_map(|kind| Some((kind, *kind.signs.iter().find(|sign| Path::new(sign).exists())?)))
}

fn under_heading(name: &str, why: &str, fill: &Fill) -> Result<String, Error> {
    Ok(format!("## {why}: {name} (--print-config list shows the others)\n\n{}", named(name, fill)?))
}
