//! One message with AUTH, as a mail program submits it, to the embedded smarthost.

use std::io::{Read, Write};

use super::ca::Leaf;
use super::smarthost::{Message, Settings, Smarthost};
use super::talk::Hear;

const DIALOGUE: [(&str, &str); 8] = [
    ("", "220 smarthost.test ESMTP smarthost, AUTH required\r\n"),
    ("EHLO laptop.test\r\n", "250-smarthost.test\r\n250-8BITMIME\r\n250-PIPELINING\r\n250 AUTH PLAIN LOGIN\r\n"),
    // alice, secret
    ("AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n", "235 2.7.0 Authentication successful\r\n"),
    ("MAIL FROM:<alice@example.org>\r\n", "250 2.1.0 Ok\r\n"),
    ("RCPT TO:<bob@example.net>\r\n", "250 2.1.5 Ok\r\n"),
    ("DATA\r\n", "354 End data with <CR><LF>.<CR><LF>\r\n"),
    ("Subject: hello\r\n\r\n..dots\r\n.\r\n", "250 2.0.0 Ok: queued\r\n"),
    ("QUIT\r\n", "221 2.0.0 Bye\r\n"),
];

/// A smarthost for alice, whose certificate is `leaf`.
pub fn smarthost(leaf: &Leaf) -> Smarthost {
    Smarthost::start(Settings::new(leaf.server(rustls::ALL_VERSIONS))).expect("a port")
}

/// From the greeting to the 221; every octet that the client hears is checked.
pub fn submit(hear: &mut impl Read, say: &mut impl Write) {
    for (command, reply) in DIALOGUE {
        say.write_all(command.as_bytes()).expect("the bridge takes a command");
        for line in reply.split_inclusive('\n') {
            assert_eq!(hear.line(), line, "after {command:?}");
        }
    }
}

/// That the smarthost holds exactly `n` messages of `submit`.
#[track_caller]
pub fn assert_arrived(smarthost: &Smarthost, n: usize) {
    let expected = Message {
        user: "alice".to_owned(),
        from: "alice@example.org".to_owned(),
        to: vec!["bob@example.net".to_owned()],
        data: b"Subject: hello\r\n\r\n.dots\r\n".to_vec(),
    };
    assert_eq!(smarthost.inbox(), vec![expected; n]);
}
