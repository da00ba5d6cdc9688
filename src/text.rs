//! Escaping and capping of foreign text: what a server, a resolver, a file or argv says ends in a log line and in a reply, and
//! must not break either. It is escaped as it is taken, which gives it another type, and capped when a line is built.

use std::fmt::{self, Write};
use std::io;

/// One line of a log, tag and pid left out (sudo's limit; RFC 3164 section 4.1 allows 1024 for the packet).
pub const LOG_LINE: usize = 960;

/// What came from outside, in printable ASCII (0x20 to 0x7e): other bytes as `\xNN`, the backslash doubled. Made by `escape` and
/// by nothing else. In a line it has at most `SHOWN` octets, or as many as the format says, as in `{:.64}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Foreign(String);

/// A certificate, or a server's reply, may be as long as a novel.
const SHOWN: usize = 200;

pub fn escape(foreign: &[u8]) -> Foreign {
    let mut text = String::with_capacity(foreign.len());
    for &byte in foreign {
        match byte {
            b'\\' => text.push_str("\\\\"),
            0x20..=0x7e => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
    }
    Foreign(text)
}

impl Foreign {
    /// All of it, for uses other than a line.
    pub fn whole(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&cut(&self.0, f.precision().unwrap_or(SHOWN)))
    }
}

/// `text` (ASCII, as `escape` makes it) in at most `cap` octets, a cut shown as `...`. No escape is cut in two: half of one
/// would read as something else.
pub fn cut(text: &str, cap: usize) -> String {
    if text.len() <= cap {
        return text.to_owned();
    }
    let mut short = String::with_capacity(cap);
    let mut rest = text;
    while let Some((unit, behind)) = rest.split_at_checked(unit(rest)).filter(|(unit, _)| !unit.is_empty()) {
        if short.len() + unit.len() + 3 > cap {
            break;
        }
        short.push_str(unit);
        rest = behind;
    }
    short.push_str("...");
    short.truncate(cap);
    short
}

/// The length of what must stay together at the beginning of `text`.
fn unit(text: &str) -> usize {
    match text.as_bytes() {
        [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => 4,
        [b'\\', b'\\', ..] => 2,
        _ => text.chars().next().map_or(0, char::len_utf8),
    }
}

/// One line of our own making in at most `cap` octets. What was foreign in it is escaped already; should something have
/// slipped through, it is escaped here, backslashes and all.
pub fn line(text: &str, cap: usize) -> String {
    if text.bytes().all(|octet| (0x20..=0x7e).contains(&octet)) {
        cut(text, cap)
    } else {
        cut(&escape(text.as_bytes()).0, cap)
    }
}

/// A word of the command line. A password in it (`account:password@host`) is not shown.
pub fn word(foreign: &[u8]) -> String {
    let account = foreign.iter().rposition(|octet| *octet == b'@').map(|at| foreign.split_at(at));
    let colon = |account: &[u8]| {
        let colons = account.iter().enumerate().filter(|(_, octet)| **octet == b':').map(|(at, _)| at);
        // That of `smtps://` is none.
        colons.into_iter().find(|at| !account.get(at + 1..).unwrap_or_default().starts_with(b"//"))
    };
    let shown = match account.and_then(|(account, host)| Some((account.get(..=colon(account)?)?, host))) {
        Some((account, host)) => escape(&[account, b"...", host].concat()),
        None => escape(foreign),
    };
    format!("{shown:.WORD$}")
}

/// One of several words of a sentence.
const WORD: usize = 60;

/// A system's error without its number, which says nothing to a mail administrator.
pub fn errno_text(error: &io::Error) -> String {
    let text = error.to_string();
    let bare = text.split_once(" (os error ").map_or(text.as_str(), |(bare, _)| bare);
    escape(bare.as_bytes()).to_string()
}

/// The names that a library gives its causes, `TooManyWarningAlertsReceived`, in words; all else as it is.
pub fn in_words(text: &str) -> String {
    let mut words = String::with_capacity(text.len() + 16);
    for word in text.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric()) {
        let is_hump = |pair: &[u8]| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase());
        if !word.as_bytes().windows(2).any(is_hump) {
            words.push_str(word);
            continue;
        }
        for (at, letter) in word.char_indices() {
            if at > 0 && letter.is_ascii_uppercase() {
                words.push(' ');
            }
            words.push(letter.to_ascii_lowercase());
        }
    }
    words
}

/// A logfmt value: bare if it can be, otherwise in double quotes.
pub fn value(text: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || b"._:/+-[]%@,".contains(&b);
    if !text.is_empty() && text.bytes().all(bare) {
        text.to_owned()
    } else {
        format!("\"{}\"", text.replace('"', "'"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_out_printable() {
        let all: Vec<u8> = (0..=255).collect();
        let text = escape(&all).whole().to_owned();
        assert!(text.bytes().all(|b| (0x20..=0x7e).contains(&b)));
        assert!(text.contains("\\x0a") && text.contains("\\x1b") && text.contains("\\\\") && text.contains("\\xff"));
    }

    #[test]
    fn a_cap_is_never_exceeded_and_a_cut_is_shown() {
        for cap in 0..20 {
            let text = format!("{:.cap$}", escape(&[b'\n'; 1000]));
            assert!(text.len() <= cap, "{text}");
            assert!(cap < 3 || text.ends_with("..."), "{text}");
        }
        assert_eq!(format!("{:.5}", escape(b"12345")), "12345");
        assert_eq!(escape(&[b'a'; 1000]).to_string().len(), SHOWN);
    }

    #[test]
    fn a_cut_goes_through_no_escape() {
        let capped = |text: &[u8], cap| format!("{:.cap$}", escape(text));
        assert_eq!(capped(b"ab\n\n\n", 8), "ab...");
        assert_eq!(capped(b"ab\n\n\n", 9), "ab\\x0a...");
        assert_eq!(capped(b"a\\\\\\bcd", 8), "a\\\\\\\\...");
        assert_eq!(capped(b"a\\\\\\bcd", 7), "a\\\\...");
        // A backslash that is not ours, or a letter of two octets, is no reason to fail.
        assert_eq!(cut("a\\xzz\u{e9}\u{e9}\u{e9}", 7), "a\\xz...");
        assert_eq!(cut("\u{e9}\u{e9}\u{e9}\u{e9}", 6), "\u{e9}...");
    }

    #[test]
    fn a_line_is_one_line_even_where_somebody_forgot_to_escape() {
        assert_eq!(line("reason=\"a\\x0ab\"", 100), "reason=\"a\\x0ab\"");
        assert_eq!(line("a\nb\u{e9}", 100), "a\\x0ab\\xc3\\xa9");
        assert_eq!(line("a\nbcdefgh", 8), "a\\x0a...");
    }

    /// A bug that was: the log said TooManyWarningAlertsReceived.
    #[test]
    fn names_of_a_library_are_said_in_words() {
        assert_eq!(in_words("TooManyWarningAlertsReceived"), "too many warning alerts received");
        assert_eq!(
            in_words("got KeyUpdate, not Finished (DuplicateExtension(0))"),
            "got key update, not Finished (duplicate extension(0))"
        );
        assert_eq!(in_words("TLS 1.3, SHA-1, X25519MLKEM768 as it is"), "TLS 1.3, SHA-1, X25519MLKEM768 as it is");
    }

    #[test]
    fn the_number_of_a_systems_error_is_left_out() {
        let refused = io::Error::from_raw_os_error(111);
        assert!(refused.to_string().contains("os error"));
        assert_eq!(errno_text(&refused), "Connection refused");
        assert_eq!(errno_text(&io::Error::other("its own words")), "its own words");
    }

    #[test]
    fn a_password_in_a_word_is_left_out() {
        assert_eq!(word(b"alice:secret@smtp.example.com"), "alice:...@smtp.example.com");
        assert_eq!(word(b"smtps://alice:se:c@r/et@smtp.example.com:465"), "smtps://alice:...@smtp.example.com:465");
        assert_eq!(word(b"alice@smtp.example.com:465"), "alice@smtp.example.com:465");
        assert_eq!(word(b"/run/credentials/smtps-bridge@1.service"), "/run/credentials/smtps-bridge@1.service");
        assert_eq!(word(b"smtp.example.com:465"), "smtp.example.com:465");
    }

    #[test]
    fn a_value_with_a_space_or_a_quote_is_quoted_once() {
        assert_eq!(value("192.0.2.7:465"), "192.0.2.7:465");
        assert_eq!(value("a b"), "\"a b\"");
        assert_eq!(value("say \"no\""), "\"say 'no'\"");
        assert_eq!(value(""), "\"\"");
    }
}
