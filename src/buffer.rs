//! A buffer to read into that grows fourfold once a read has filled it: a session of short commands never touches the rest,
//! and idle sessions do not hold it.

use zeroize::Zeroize;

/// One page. The C library zeroes what it hands out, so all that is asked for is used memory.
const FIRST: usize = 4096;

/// Invariant: `start <= end <= octets.len() <= most`; what lies between `start` and `end` was read and not used up.
pub struct Buffer {
    octets: Vec<u8>,
    start: usize,
    end: usize,
    most: usize,
    full: bool,
}

impl Buffer {
    /// One that grows to `most`.
    pub fn new(most: usize) -> Buffer {
        Buffer { octets: vec![0; FIRST.min(most)], start: 0, end: 0, most, full: false }
    }

    /// Where the next read puts its octets, behind those that are left; empty if there is no room.
    pub fn space(&mut self) -> &mut [u8] {
        if self.full && self.octets.len() < self.most {
            let larger = vec![0; self.most.min(4 * self.octets.len())];
            let mut old = std::mem::replace(&mut self.octets, larger);
            let left = old.get(self.start..self.end).unwrap_or_default();
            self.octets.iter_mut().zip(left).for_each(|(new, left)| *new = *left);
            if !left.is_empty() {
                old.zeroize();
            }
        } else {
            let left = self.end - self.start;
            self.octets.copy_within(self.start..self.end, 0);
            // Where they stood is behind the end now, out of reach of `wipe`.
            if self.start > 0 && left > 0 {
                self.octets.get_mut(left..self.end).unwrap_or_default().zeroize();
            }
        }
        self.end -= self.start;
        self.start = 0;
        self.full = false;
        self.octets.get_mut(self.end..).unwrap_or_default()
    }

    /// A read brought `n` octets.
    pub fn fill(&mut self, n: usize) {
        self.end = self.octets.len().min(self.end + n);
        self.full = self.end == self.octets.len();
    }

    /// What was read and not used up.
    pub fn filled(&self) -> &[u8] {
        self.octets.get(self.start..self.end).unwrap_or_default()
    }

    /// The same, and what was used up since the last `space`.
    pub fn all(&self) -> &[u8] {
        self.octets.get(..self.end).unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether no read fits any more.
    pub fn is_full(&self) -> bool {
        self.filled().len() == self.most
    }

    pub fn use_up(&mut self, n: usize) {
        self.start = self.end.min(self.start + n);
    }

    /// The same for what may be a password: the next octet may be an hour away.
    pub fn wipe(&mut self, n: usize) {
        let start = self.start;
        self.use_up(n);
        self.octets.get_mut(start..self.start).unwrap_or_default().zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_fourfold_after_a_read_that_filled_it_and_only_then() {
        let mut buffer = Buffer::new(20_000);
        for (read, room) in [(FIRST - 1, FIRST), (FIRST, FIRST), (4 * FIRST, 4 * FIRST), (1, 20_000), (20_000, 20_000)]
        {
            assert_eq!(buffer.space().len(), room);
            buffer.fill(read);
            assert_eq!(buffer.filled().len(), read);
            buffer.use_up(read);
        }
        assert_eq!(buffer.space().len(), 20_000);
    }

    /// A bug that was: octets of a held line stayed where they had stood before they were moved.
    #[test]
    fn what_is_moved_leaves_nothing_behind() {
        let mut buffer = Buffer::new(8192);
        buffer.space()[..12].copy_from_slice(b"line\r\nsecret");
        buffer.fill(12);
        buffer.wipe(6);
        let room = buffer.space();
        assert!(room[..6].iter().all(|octet| *octet == 0), "{:?}", &room[..6]);
        assert_eq!(buffer.filled(), b"secret");
    }

    #[test]
    fn what_is_left_stands_before_what_is_read_next() {
        let mut buffer = Buffer::new(8192);
        buffer.space()[..5].copy_from_slice(b"abcde");
        buffer.fill(5);
        buffer.wipe(3);
        assert_eq!((buffer.filled(), buffer.all()), (&b"de"[..], &b"\0\0\0de"[..]));
        let room = buffer.space();
        assert_eq!(room.len(), FIRST - 2);
        room[0] = b'f';
        buffer.fill(1);
        assert_eq!(buffer.filled(), b"def");
        buffer.fill(FIRST);
        assert_eq!(buffer.space().len(), 8192 - FIRST);
        assert_eq!(buffer.filled().get(..3), Some(&b"def"[..]));
        buffer.fill(FIRST);
        assert!(buffer.is_full() && buffer.space().is_empty());
    }
}
