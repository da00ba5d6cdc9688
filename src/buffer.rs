//! A buffer to read into that grows once a read has filled it: a session of short commands never touches the rest, and
//! idle sessions do not hold it.

/// One page. The C library zeroes what it hands out, so what is asked for is used memory.
const FIRST: usize = 4096;

pub struct Buffer {
    octets: Vec<u8>,
    most: usize,
    full: bool,
}

impl Buffer {
    /// One that grows to `most`.
    pub fn new(most: usize) -> Buffer {
        Buffer { octets: vec![0; FIRST.min(most)], most, full: false }
    }

    /// Where the next read puts its octets. What the last one brought must have been used, and wiped where it was
    /// secret: it may be moved out of here as it is.
    pub fn space(&mut self) -> &mut [u8] {
        if self.full && self.octets.len() < self.most {
            self.octets = vec![0; self.most];
        }
        self.full = false;
        &mut self.octets
    }

    /// What a read of `n` octets brought.
    pub fn filled(&mut self, n: usize) -> &mut [u8] {
        self.full = n >= self.octets.len();
        self.octets.get_mut(..n).unwrap_or_default()
    }

    /// Octets of the last read.
    pub fn part(&self, start: usize, end: usize) -> &[u8] {
        self.octets.get(start..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_after_a_read_that_filled_it_and_only_then() {
        let mut buffer = Buffer::new(10_000);
        assert_eq!(buffer.space().len(), FIRST);
        assert_eq!(buffer.filled(FIRST - 1).len(), FIRST - 1);
        assert_eq!(buffer.space().len(), FIRST);
        assert_eq!(buffer.filled(FIRST).len(), FIRST);
        assert_eq!(buffer.space().len(), 10_000);
        assert_eq!(buffer.filled(10_000).len(), 10_000);
        assert_eq!(buffer.space().len(), 10_000);
    }
}
