//! Which words a target can hold as they are. The file that prints a target's lines quotes the others.

use crate::error::Error;
use crate::text;

/// The characters, besides letters and digits, that every target known here reads as themselves.
pub const SIGNS: &str = "_./:@+=,-[]";

pub fn is_plain(word: &str, signs: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || signs.contains(c))
}

/// The word for a target that has quotes, which `quote` adds if they are needed.
pub fn quoted(word: &str, quote: fn(&str) -> String) -> Result<String, Error> {
    one_line(word)?;
    if is_plain(word, SIGNS) {
        return Ok(word.to_owned());
    }
    Ok(quote(word))
}

/// The words for `target`, which has no quotes.
pub fn bare(words: &[&str], target: &str, signs: &str) -> Result<String, Error> {
    for word in words {
        one_line(word)?;
        if !is_plain(word, signs) {
            return refused(format!(
                "{}: {target} splits its words at spaces and has no quotes; use a name of letters, digits and {signs} \
                 (a symbolic link will do), or systemd",
                shown(word)
            ));
        }
    }
    Ok(words.join(" "))
}

pub fn one_line(word: &str) -> Result<(), Error> {
    if word.chars().any(char::is_control) {
        return refused(format!(
            "{}: no word of a configuration file can hold a line break or a tab; rename it",
            shown(word)
        ));
    }
    Ok(())
}

/// As sh(1) reads it, if it is not plain.
pub fn shell(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

pub fn refused<T>(sentence: impl Into<String>) -> Result<T, Error> {
    Err(Error::Usage(sentence.into()))
}

pub fn shown(word: &str) -> String {
    text::word(word.as_bytes())
}
