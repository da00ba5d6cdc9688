//! A word of a command line as the target reads it: quoted, or refused with the reason and the cure.

use crate::error::Error;
use crate::kinds::Syntax;
use crate::text::escape;

/// MAXARGV of the inetds of 4.4BSD, the program's own name among them; what is behind them they drop without a word.
const INETD_WORDS: usize = 20;

/// The words in one string, as they stand in the file.
///
/// # Errors
/// `Error::Usage`.
pub fn words(words: &[String], syntax: Syntax) -> Result<String, Error> {
    if syntax == Syntax::Inetd && words.len() >= INETD_WORDS {
        return refused(format!(
            "inetd drops what is behind the {INETD_WORDS}th word of a command, and this one has {}: use fewer options, \
             xinetd or systemd, or a script that inetd starts",
            words.len() + 1
        ));
    }
    let quoted = words.iter().map(|it| word(it, syntax)).collect::<Result<Vec<_>, _>>()?;
    Ok(quoted.join(match syntax {
        Syntax::Plist => "</string>\n\t\t<string>",
        _ => " ",
    }))
}

/// # Errors
/// `Error::Usage`.
pub fn word(word: &str, syntax: Syntax) -> Result<String, Error> {
    if word.chars().any(char::is_control) {
        return refused(format!(
            "{}: no word of a configuration file can hold a line break or a tab; rename it",
            shown(word)
        ));
    }
    // A comma ends a field of sendmail's M line.
    let signs = if syntax == Syntax::M4 { "_./:@+=-[]" } else { "_./:@+=,-[]" };
    let plain = |c: char| c.is_ascii_alphanumeric() || signs.contains(c);
    if word.chars().all(plain) && !word.is_empty() {
        return Ok(word.to_owned());
    }
    match syntax {
        Syntax::Inetd | Syntax::Xinetd | Syntax::M4 | Syntax::Pipe => refused(format!(
            "{}: {} splits its words at spaces and has no quotes; use a name of letters, digits and {signs} (a \
             symbolic link will do), or systemd",
            shown(word),
            match syntax {
                Syntax::Xinetd => "xinetd",
                Syntax::M4 => "sendmail",
                Syntax::Pipe => "this program",
                _ => "inetd",
            }
        )),
        Syntax::Systemd => {
            Ok(format!("\"{}\"", escaped(word, &[('\\', "\\\\"), ('"', "\\\""), ('%', "%%"), ('$', "$$")])))
        }
        Syntax::Shell => Ok(format!("'{}'", escaped(word, &[('\'', "'\\''")]))),
        Syntax::Plist => Ok(escaped(word, &[('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;")])),
    }
}

fn escaped(word: &str, table: &[(char, &str)]) -> String {
    let mut text = String::new();
    for c in word.chars() {
        match table.iter().find(|(from, _)| *from == c) {
            Some((_, to)) => text.push_str(to),
            None => text.push(c),
        }
    }
    text
}

pub fn refused<T>(sentence: impl Into<String>) -> Result<T, Error> {
    Err(Error::Usage(sentence.into()))
}

pub fn shown(word: &str) -> String {
    escape(word.as_bytes(), 60)
}
