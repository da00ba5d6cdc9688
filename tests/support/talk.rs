//! What a client does with its end: lines in, lines out, everything up to the end.

use std::io::{Read, Write};

pub trait Talk: Read + Write {
    fn say(&mut self, text: &str) {
        self.write_all(text.as_bytes()).expect("the bridge takes what the client says");
    }
}

impl<S: Read + Write> Talk for S {}

pub trait Hear: Read {
    /// Up to and with the next LF; what there is at the end.
    fn line(&mut self) -> String {
        let (mut line, mut byte) = (Vec::new(), [0]);
        while line.last() != Some(&b'\n') && self.read(&mut byte).expect("the bridge sends a line") == 1 {
            line.push(byte[0]);
        }
        String::from_utf8_lossy(&line).into_owned()
    }

    /// Everything up to the end, which must be a FIN and no RST.
    fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.read_to_end(&mut rest).expect("the bridge ends with FIN");
        rest
    }

    /// The next octets are these.
    #[track_caller]
    fn expect(&mut self, text: &str) {
        let heard = self.exactly(text.len());
        assert_eq!(String::from_utf8_lossy(&heard), text);
    }

    fn exactly(&mut self, n: usize) -> Vec<u8> {
        let mut data = vec![0; n];
        self.read_exact(&mut data).expect("so many bytes of the server");
        data
    }
}

impl<S: Read> Hear for S {}
