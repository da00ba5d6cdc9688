//! What this machine has: a superserver and a mail program, told by their files in the usual places.

use std::path::Path;

use crate::error::Error;
use crate::kinds::{Kind, Role, KINDS};

use super::{all, Fill};

/// The lines for both, each under a heading that says why it was chosen. A mail program that starts the bridge itself needs
/// no superserver.
///
/// # Errors
/// `Error::Usage`.
pub fn print(fill: &Fill) -> Result<String, Error> {
    let mut text = String::new();
    if let Some((kind, sign)) = sign(Role::MailProgram).filter(|(kind, _)| kind.name == SENDMAIL) {
        return Ok(heading(kind, &format!("{sign} is here")) + &all(kind, fill)?);
    }
    let (superserver, why) = match sign(Role::Superserver) {
        Some((kind, sign)) if kind.name != SYSTEMD => (Some(kind), format!("{sign} is here")),
        Some((kind, _)) => (Some(kind), "there is no inetd here, and systemd runs".to_owned()),
        None => (
            KINDS.iter().find(|kind| kind.name == SYSTEMD),
            "there is no inetd here, and no systemd runs now; still".to_owned(),
        ),
    };
    if let Some(kind) = superserver {
        text.push_str(&heading(kind, &why));
        text.push_str(&all(kind, fill)?);
        text.push('\n');
    }
    match sign(Role::MailProgram) {
        Some((kind, sign)) => {
            text.push_str(&heading(kind, &format!("{sign} is here")));
            text.push_str(&all(kind, fill)?);
        }
        None => text.push_str("## no mail program that is known here was found (--print-config list shows them)\n"),
    }
    Ok(text)
}

const SYSTEMD: &str = "systemd";
const SENDMAIL: &str = "sendmail";

fn sign(role: Role) -> Option<(&'static Kind, &'static str)> {
    KINDS.iter().filter(|kind| kind.role == role).find_map(|kind| {
        let sign = kind.signs.iter().find(|sign| Path::new(sign).exists())?;
        Some((kind, *sign))
    })
}

fn heading(kind: &Kind, why: &str) -> String {
    format!("## {why}: {} (--print-config list shows the others)\n\n", kind.name)
}
