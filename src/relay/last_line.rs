//! The server's last line so far: after a complete `221` or `421` an end without close_notify is in order.

/// Invariant: `head` holds the first `length` (at most 4) octets of the last line that has begun.
#[derive(Clone, Copy, Debug, Default)]
pub struct LastLine {
    head: [u8; 4],
    length: usize,
    complete: bool,
}

impl LastLine {
    pub fn read(&mut self, data: &[u8]) {
        let Some((last, before)) = data.split_last() else { return };
        // The last line begins behind the last LF that is not the data's last octet.
        let begin = before.iter().rposition(|octet| *octet == b'\n').map(|at| at + 1);
        if begin.is_some() || self.complete {
            *self = LastLine::default();
        }
        for octet in data.iter().skip(begin.unwrap_or(0)).take(4_usize.saturating_sub(self.length)) {
            if let Some(place) = self.head.get_mut(self.length) {
                *place = *octet;
                self.length += 1;
            }
        }
        self.complete = *last == b'\n';
    }

    /// The line has begun and not ended, or a line of the same reply must follow.
    pub fn is_cut(&self) -> bool {
        let continued = matches!(self.head, [_, _, _, b'-']);
        self.length > 0 && (!self.complete || continued)
    }

    /// A complete line of 221 or 421 that no other line of the same reply follows (RFC 5321 section 4.2.1).
    pub fn is_goodbye(&self) -> bool {
        self.complete && matches!(self.head, [b'2' | b'4', b'2', b'1', b' ' | b'\r' | b'\n'])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every way to cut `data` in two, and octet by octet, must end alike.
    fn goodbye(data: &[u8]) -> bool {
        let mut whole = LastLine::default();
        whole.read(data);
        for at in 0..=data.len() {
            let mut cut = LastLine::default();
            let (first, second) = data.split_at(at);
            cut.read(first);
            cut.read(second);
            assert_eq!(cut.is_goodbye(), whole.is_goodbye(), "cut at {at}");
        }
        let mut single = LastLine::default();
        data.iter().for_each(|octet| single.read(&[*octet]));
        assert_eq!(single.is_goodbye(), whole.is_goodbye());
        whole.is_goodbye()
    }

    #[test]
    fn a_complete_221_or_421_is_a_goodbye_however_it_is_cut() {
        assert!(goodbye(b"250 ok\r\n221 bye\r\n"));
        assert!(goodbye(b"421 4.3.2 going down\r\n"));
        assert!(goodbye(b"221\r\n"));
        assert!(goodbye(b"221-bye\r\n221 bye\r\n"));
        assert!(goodbye(b"221 bye\n"));
    }

    #[test]
    fn a_reply_without_its_last_octets_is_cut() {
        let cut = |data: &[u8]| {
            let mut last = LastLine::default();
            last.read(data);
            last.is_cut()
        };
        assert!(cut(b"250 o") && cut(b"250-ok\r\n") && cut(b"250 ok\r\n2"));
        assert!(!cut(b"") && !cut(b"250 ok\r\n") && !cut(b"250-ok\r\n250 ok\r\n"));
    }

    #[test]
    fn anything_else_is_none() {
        assert!(!goodbye(b""));
        assert!(!goodbye(b"221 by"));
        assert!(!goodbye(b"221-bye\r\n"));
        assert!(!goodbye(b"221 bye\r\n250 ok\r\n"));
        assert!(!goodbye(b"250 221 \r\n"));
        assert!(!goodbye(b"22\r\n"));
        assert!(!goodbye(b"221 bye\r\n\r\n"));
    }
}
