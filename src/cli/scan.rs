//! argv from left to right: which word is an option, which its value, which a host.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::error::Error;
use crate::kinds::{self, Wanted};

use super::{lines, shown, usage, Flag, Times, FLAGS, OPTIONAL};

pub struct Scanned {
    /// Name and value as two words.
    pub options: Vec<OsString>,
    pub operands: Vec<OsString>,
    /// `--print-config`, which is not among the options.
    pub wanted: Option<Wanted>,
}

/// Reads argv from left to right: options and operands apart.
pub fn scan(argv: Vec<OsString>) -> Result<Scanned, Error> {
    let (mut options, mut operands, mut behind, mut wanted) = (Vec::new(), Vec::new(), Vec::new(), None);
    let mut argv = argv.into_iter().peekable();
    while let Some(word) = argv.next() {
        if word == "--" {
            behind.extend(argv.by_ref());
        } else if !word.as_bytes().starts_with(b"-") {
            operands.push(word);
        } else {
            let (name, inline) = split_at_equals(&word);
            let Some(flag) = find(&name) else {
                return Err(unknown(&name, argv.next().as_deref()));
            };
            let canonical = flag.names.first().copied().unwrap_or_default();
            if flag.times == Times::Once && options.iter().any(|seen| seen == canonical) {
                return usage(format!("{} is given twice", shown(&name)));
            }
            if flag.value == OPTIONAL {
                if wanted.is_some() {
                    return usage(format!("{} is given twice", shown(&name)));
                }
                // A host may stand behind it. A word without a dot is a kind. If no kind has that name, it is a mistake:
                // taken for a host, it would end up in the lines.
                let next =
                    || argv.next_if(|word| word.to_str().is_some_and(|kind| kinds::find(kind).is_some() || bare(kind)));
                wanted = Some(lines::wanted(inline.or_else(next).as_deref())?);
                continue;
            }
            options.push(OsString::from(canonical));
            match (flag.value, inline) {
                ("", None) => {}
                ("", Some(_)) => return usage(format!("{} takes no value", shown(&name))),
                (kind, inline) => options.push(checked_value(&name, kind, inline.or_else(|| argv.next()))?),
            }
        }
    }
    if wanted.is_some() {
        operands.iter().try_for_each(|word| lines::not_a_kind(word))?;
    }
    operands.extend(behind);
    if wanted == Some(Wanted::Found) && options.is_empty() && operands.is_empty() {
        wanted = Some(Wanted::List);
    }
    Ok(Scanned { options, operands, wanted })
}

pub fn find(name: &OsStr) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| flag.names.iter().any(|known| *known == name))
}

/// Neither a name with a domain, nor one with a port, nor an address, nor an option.
fn bare(word: &str) -> bool {
    !word.is_empty() && !word.starts_with('-') && !word.contains(['.', ':', '['])
}

/// A value that begins with a dash is an option, and the value before it was forgotten; or it is `-` for standard input,
/// which is the client's.
fn checked_value(name: &OsStr, kind: &str, value: Option<OsString>) -> Result<OsString, Error> {
    match value {
        None => usage(format!("{} needs a value: {kind}", shown(name))),
        Some(value) if value.is_empty() => usage(format!("{} has an empty value; it needs {kind}", shown(name))),
        Some(value) if value.as_bytes().starts_with(b"-") => {
            usage(format!("{} needs a value ({kind}), and {} is none", shown(name), shown(&value)))
        }
        Some(value) => Ok(value),
    }
}

pub fn split_at_equals(word: &OsStr) -> (OsString, Option<OsString>) {
    let bytes = word.as_bytes();
    match bytes.iter().position(|b| *b == b'=') {
        Some(at) if bytes.starts_with(b"--") => {
            let (name, value) = bytes.split_at(at);
            (OsString::from_vec(name.to_vec()), Some(OsString::from_vec(value.iter().skip(1).copied().collect())))
        }
        _ => (word.to_owned(), None),
    }
}

/// People migrate from stunnel 3 and 4; its options get an answer instead of "unknown".
fn unknown(name: &OsStr, next: Option<&OsStr>) -> Error {
    let next = next.map(shown);
    Error::Usage(match (name.to_str(), next) {
        (Some("-c"), _) => "-c is stunnel's: this is always the client side of TLS, leave it out".to_owned(),
        (Some("-d"), _) => "-d is stunnel's: nothing listens here, the superserver's line names the port".to_owned(),
        (Some("-r"), Some(host)) => format!("-r is stunnel's: give the host alone, as in `smtps-bridge {host}`"),
        (Some("-k" | "--insecure"), _) => format!(
            "{} is curl's: verification is always on; --ca-file or --pin-only serve a smarthost that has no public CA",
            shown(name)
        ),
        (Some("-r"), None) => "-r is stunnel's: give the host alone".to_owned(),
        (_, _) => format!("unknown option {}; --help lists them", shown(name)),
    })
}
