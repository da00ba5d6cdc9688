//! `--crlf`: LF without a CR before it becomes CRLF, and a line goes up when nothing is owed, so that a script that says
//! everything at once is a session which every server takes.

use zeroize::Zeroize;

use crate::smtp::Expected;

/// What may be taken of the client's octets at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// The line is not complete.
    Unfinished,
    /// This many octets, which must wait until nothing is owed.
    Line(usize),
    /// This many octets, which go on with what has begun.
    More(usize),
}

/// How far a message's text goes: up to a lone dot, or as far as its lines are complete.
fn text(data: &[u8]) -> usize {
    let mut end = 0;
    for line in data.split_inclusive(|octet| *octet == b'\n').filter(|line| line.ends_with(b"\n")) {
        end += line.len();
        if matches!(line, b".\n" | b".\r\n") {
            break;
        }
    }
    end
}

/// `flush`: nothing will come behind `data`, or there is no room for it.
pub fn unit(data: &[u8], expected: Expected, flush: bool) -> Unit {
    let complete = match expected {
        Expected::Line => data.iter().position(|octet| *octet == b'\n').map_or(0, |end| end + 1),
        Expected::Text => text(data),
        Expected::Chunk(left) => usize::try_from(left).map_or(data.len(), |left| left.min(data.len())),
        Expected::Anything => data.len(),
    };
    match (expected, if complete == 0 && flush { data.len() } else { complete }) {
        (_, 0) => Unit::Unfinished,
        (Expected::Line, octets) => Unit::Line(octets),
        (_, octets) => Unit::More(octets),
    }
}

/// Lines on their way up.
pub struct Crlf {
    /// Never moved by growing: the old place would keep what was in it.
    out: Vec<u8>,
    gone: usize,
    after_cr: bool,
}

impl Crlf {
    /// For units of at most `most` octets.
    pub fn new(most: usize) -> Crlf {
        Crlf { out: Vec::with_capacity(2 * most), gone: 0, after_cr: false }
    }

    /// Takes a unit. Give it another one when this is gone.
    pub fn take(&mut self, data: &[u8], expected: Expected) {
        for &octet in data {
            if octet == b'\n' && !self.after_cr && !matches!(expected, Expected::Chunk(_)) {
                self.out.push(b'\r');
            }
            self.out.push(octet);
            self.after_cr = octet == b'\r';
        }
    }

    pub fn left(&self) -> &[u8] {
        self.out.get(self.gone..).unwrap_or_default()
    }

    pub fn wipe(&mut self, octets: usize) {
        self.gone += octets;
        if self.left().is_empty() {
            self.out.as_mut_slice().zeroize();
            self.out.clear();
            self.gone = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lf_becomes_crlf_once_also_across_units_and_never_in_a_chunk() {
        let mut crlf = Crlf::new(100);
        let mut all = Vec::new();
        for (part, expected) in [
            (&b"a\nb\r"[..], Expected::Anything),
            (b"\nc\n\n", Expected::Anything),
            (b"\r\r\n", Expected::Anything),
            (b"x\ny\r\n", Expected::Chunk(5)),
        ] {
            crlf.take(part, expected);
            all.extend_from_slice(crlf.left());
            crlf.wipe(crlf.left().len());
        }
        assert_eq!(all, b"a\r\nb\r\nc\r\n\r\n\r\r\nx\ny\r\n");
    }

    #[test]
    fn a_line_waits_and_a_text_goes_on_up_to_its_dot() {
        assert_eq!(unit(b"EHLO a\nMAIL", Expected::Line, false), Unit::Line(7));
        assert_eq!(unit(b"MAIL", Expected::Line, false), Unit::Unfinished);
        assert_eq!(unit(b"MAIL", Expected::Line, true), Unit::Line(4));
        assert_eq!(unit(b"a\n..\n.\nQUIT\n", Expected::Text, false), Unit::More(7));
        assert_eq!(unit(b"a\nb", Expected::Text, false), Unit::More(2));
        assert_eq!(unit(b".", Expected::Text, false), Unit::Unfinished);
        assert_eq!(unit(b"12345QUIT\n", Expected::Chunk(5), false), Unit::More(5));
        assert_eq!(unit(b"12", Expected::Chunk(5), false), Unit::More(2));
    }
}
