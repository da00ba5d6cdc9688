//! What this machine has: a superserver and a mail program, recognised by their programs in the usual places.

use std::path::Path;

use crate::error::Error;
use crate::kinds::Wanted;

use super::{named, Fill, Kind, MAIL_PROGRAMS, SUPERSERVERS};

/// The lines for both, each under a heading that says why it was chosen. sendmail, which starts the bridge itself, needs no
/// superserver, unless `--listen` asks for one.
pub fn print(wanted: Wanted, fill: &Fill) -> Result<String, Error> {
    let mail_program = match sign(&MAIL_PROGRAMS) {
        Some((SENDMAIL, sign)) if wanted == Wanted::Found => return under_heading(SENDMAIL, &is_here(sign), fill),
        Some((SENDMAIL, sign)) => under_heading(SENDMAIL_PORT, &is_here(sign), fill)?,
        Some((name, sign)) => under_heading(name, &is_here(sign), fill)?,
        None => "## no mail program that is known here was found (--print-config list shows them)\n".to_owned(),
    };
    let (superserver, why) = match sign(&SUPERSERVERS) {
        Some((SYSTEMD, _)) => (SYSTEMD, "there is no inetd here, and systemd runs".to_owned()),
        Some((INETD, sign)) if is_busybox(sign) => (INETD_OF_BUSYBOX, is_here(sign)),
        Some((name, sign)) => (name, is_here(sign)),
        None => (SYSTEMD, "there is no inetd here, and no systemd runs now; still".to_owned()),
    };
    Ok(format!("{}\n{mail_program}", under_heading(superserver, &why, fill)?))
}

const SYSTEMD: &str = "systemd";
const INETD: &str = "inetd-debian";
const INETD_OF_BUSYBOX: &str = "inetd-busybox";
const SENDMAIL: &str = "sendmail";
const SENDMAIL_PORT: &str = "sendmail-port";

/// The first kind that is here, and the file that shows it.
fn sign(kinds: &[Kind]) -> Option<(&'static str, &'static str)> {
    kinds.iter().find_map(|kind| Some((kind.name, *kind.signs.iter().find(|sign| Path::new(sign).exists())?)))
}

/// All of busybox's commands are links to it.
fn is_busybox(program: &str) -> bool {
    let target = Path::new(program).canonicalize();
    target.is_ok_and(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("busybox")))
}

fn is_here(sign: &str) -> String {
    format!("{sign} is here")
}

fn under_heading(name: &str, why: &str, fill: &Fill) -> Result<String, Error> {
    Ok(format!("## {why}: {name} (--print-config list shows the others)\n\n{}", named(name, fill)?))
}
