//! The end of a message's text (RFC 5321 section 4.1.1.4), and the lone dot that servers read differently.

use memchr::memchr_iter;

/// Where in a text the next octet stands.
///
/// ```text
///   Middle --CR--> Cr --LF--> Line(Crlf) --.--> Dot(Crlf) --CR--> DotCr(Crlf) --LF--> the end
///      |           \--.-----> Dot(Bare)
///      \-----------LF-------> Line(Bare) --.--> Dot(Bare)
///
///   Dot --LF-->, Dot(Bare) --CR LF--> and Dot --CR--> anything else are unclear
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Middle,
    Cr,
    Line(LineEnd),
    Dot(LineEnd),
    DotCr(LineEnd),
}

/// What ended the line before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnd {
    Crlf,
    /// LF or CR alone.
    Bare,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// CRLF.CRLF.
    End,
    /// A lone dot in other line ends, CR alone among them: an end to some servers, a line of text to others.
    Unclear,
}

impl Place {
    /// Takes octets of `data` up to the end of the text; None: it goes on.
    pub fn take(&mut self, data: &[u8]) -> (usize, Option<Found>) {
        let mut at = 0;
        while let Some(&octet) = data.get(at) {
            if *self == Place::Middle {
                // Whole lines without a dot at their beginning are passed over.
                at += skip(data.get(at..).unwrap_or_default());
                *self = place_behind(data.get(..at).unwrap_or_default());
                continue;
            }
            at += 1;
            if let Some(found) = self.octet(octet) {
                return (at, Some(found));
            }
        }
        (data.len(), None)
    }

    fn octet(&mut self, octet: u8) -> Option<Found> {
        *self = match (*self, octet) {
            (Place::DotCr(LineEnd::Crlf), b'\n') => return Some(Found::End),
            (Place::Dot(_), b'\n') | (Place::DotCr(_), _) => return Some(Found::Unclear),
            (Place::Line(end), b'.') => Place::Dot(end),
            (Place::Cr, b'.') => Place::Dot(LineEnd::Bare),
            (Place::Dot(end), b'\r') => Place::DotCr(end),
            (_, b'\r') => Place::Cr,
            (Place::Cr, b'\n') => Place::Line(LineEnd::Crlf),
            (_, b'\n') => Place::Line(LineEnd::Bare),
            (_, _) => Place::Middle,
        };
        None
    }
}

/// How much of a text can be passed over: up to a dot behind LF or CR, or all of it. Most of a long mail is base64, which
/// has few dots.
fn skip(data: &[u8]) -> usize {
    memchr_iter(b'.', data).find(|dot| matches!(data.get(..*dot), Some([.., b'\n' | b'\r']))).unwrap_or(data.len())
}

fn place_behind(data: &[u8]) -> Place {
    match data {
        [.., b'\r', b'\n'] => Place::Line(LineEnd::Crlf),
        [.., b'\n'] => Place::Line(LineEnd::Bare),
        [.., b'\r'] => Place::Cr,
        _ => Place::Middle,
    }
}

/// Whether the last words are a lone dot in any line ends, with or without QUIT behind it: the only thing that is followed
/// when the dialogue cannot be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LastWords {
    #[default]
    Middle,
    /// At the beginning of a line.
    Line,
    Dot,
    DotCr,
    /// The line of a lone dot is complete; this many octets of `QUIT` stand behind it.
    Quit(usize),
    QuitCr,
    QuitLine,
}

impl LastWords {
    pub fn read(&mut self, data: &[u8]) {
        const QUIT: &[u8] = b"QUIT";
        /// `CR LF . CR LF QUIT CR LF`, and one octet before it.
        const ENOUGH: usize = 12;
        let skipped = data.len().saturating_sub(ENOUGH);
        if skipped > 0 {
            *self = LastWords::Middle;
        }
        for &octet in data.iter().skip(skipped) {
            *self = match (*self, octet) {
                (LastWords::Dot | LastWords::DotCr, b'\n') => LastWords::Quit(0),
                (LastWords::Dot, b'\r') => LastWords::DotCr,
                (LastWords::Quit(n), octet) if QUIT.get(n).is_some_and(|quit| quit.eq_ignore_ascii_case(&octet)) => {
                    LastWords::Quit(n + 1)
                }
                (LastWords::Quit(n), b'\r') if n == QUIT.len() => LastWords::QuitCr,
                (LastWords::Quit(n), b'\n') if n == QUIT.len() => LastWords::QuitLine,
                (LastWords::QuitCr, b'\n') => LastWords::QuitLine,
                (LastWords::Line | LastWords::Quit(0) | LastWords::QuitLine, b'.') => LastWords::Dot,
                (_, b'\n') => LastWords::Line,
                (_, _) => LastWords::Middle,
            };
        }
    }

    pub fn are_a_lone_dot(self) -> bool {
        matches!(self, LastWords::Quit(0) | LastWords::QuitLine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The slow way: every octet on its own.
    fn slow(mut place: Place, data: &[u8]) -> (usize, Option<Found>, Place) {
        for (at, octet) in data.iter().enumerate() {
            if let Some(found) = place.octet(*octet) {
                return (at + 1, Some(found), place);
            }
        }
        (data.len(), None, place)
    }

    #[test]
    fn the_end_is_found_however_a_text_is_cut() {
        let pieces: [&[u8]; 7] = [b"\r", b"\n", b".", b"\r\n", b"a", b"\r\n.", b"bcd"];
        // Every text of six pieces.
        for n in 0..pieces.len().pow(6) {
            let text: Vec<u8> = (0..6).flat_map(|k| pieces[n / pieces.len().pow(k) % pieces.len()]).copied().collect();
            let start = if n % 2 == 0 { Place::Line(LineEnd::Crlf) } else { Place::Middle };
            let (end, found, behind) = slow(start, &text);
            let mut place = start;
            assert_eq!(place.take(&text), (end, found), "{text:?}");
            assert!(found.is_some() || place == behind, "{text:?}");
            let mut cut = start;
            let middle = text.len() / 2;
            if let (_, None) = cut.take(&text[..middle]) {
                let (taken, later) = cut.take(&text[middle..]);
                assert_eq!((middle + taken, later), (end, found), "{text:?}");
            }
        }
    }

    #[test]
    fn an_empty_message_ends_with_the_line_end_of_data() {
        assert_eq!(Place::Line(LineEnd::Crlf).take(b".\r\n"), (3, Some(Found::End)));
        assert_eq!(Place::Line(LineEnd::Bare).take(b".\r\n"), (3, Some(Found::Unclear)));
    }

    #[test]
    fn servers_differ_on_these() {
        for text in
            [&b"a\n.\n"[..], b"a\n.\r\n", b"a\r\n.\n", b"a\r.\n", b"a\r.\r\n", b"a\r.\r.", b"a\r\n.\rb", b"a\n.\r\r"]
        {
            assert_eq!(Place::Middle.take(text), (text.len(), Some(Found::Unclear)), "{text:?}");
        }
        for text in [&b"a\r\n..\r\n"[..], b"a\r..\r\n", b"a\r\n. \r\n", b"a\r\n.\r"] {
            assert_eq!(Place::Middle.take(text), (text.len(), None), "{text:?}");
        }
    }

    #[test]
    fn a_lone_dot_is_seen_behind_anything_and_before_quit() {
        let lone = |texts: &[&[u8]]| {
            let mut words = LastWords::default();
            texts.iter().for_each(|text| words.read(text));
            words.are_a_lone_dot()
        };
        let long = [b'x'; 100];
        assert!(lone(&[b"DATA\nhello\n.\n"]) && lone(&[b"\r\n.\r\nQUIT\r\n"]) && lone(&[b"a\n.\nquit\n"]));
        assert!(lone(&[&long, b"\r", b"\n", b".", b"\n", b"QU", b"IT\n"]));
        assert!(lone(&[b"\n.\n.\n"]));
        assert!(!lone(&[b"\n.\nQUI"]) && !lone(&[b"\n.\nQUIT"]) && !lone(&[b"\n..\n"]) && !lone(&[b"x.\n"]));
        assert!(!lone(&[b"\n.\nRSET\n"]) && !lone(&[b"\n.\n", &long]) && !lone(&[b""]));
    }
}
