//! A client of a smarthost: it reads EHLO and uses what is offered. The same through the bridge and, to compare,
//! through openssl(1).

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::support::bridge::{Bridge, Ended, House};
use crate::support::limit::started;
use crate::support::smarthost::Settings;
use crate::support::talk::Hear;

use super::mail::Mail;

pub struct Session<R, W> {
    hear: BufReader<R>,
    say: W,
}

/// Through the bridge, from its greeting on; by STARTTLS on port 587.
pub fn bridged(house: &House, host: &str) -> (Bridge, Session<TcpStream, TcpStream>) {
    let start = house.bridge(host);
    let (bridge, client) = if host.ends_with(":587") { start.arg("--starttls") } else { start }.socket();
    let say = client.try_clone().expect("a descriptor");
    (bridge, Session { hear: BufReader::new(client), say })
}

/// Ends with its test.
pub struct OpenSsl(Child);

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Straight to the smarthost, without the bridge.
pub fn straight(house: &House, host: &str) -> (OpenSsl, Session<ChildStdout, ChildStdin>) {
    let mut openssl = Command::new("openssl")
        .args(["s_client", "-quiet", "-verify_return_error", "-connect", host, "-CAfile"])
        .arg(house.dir.path("ca.pem"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl(1)");
    started(openssl.id());
    let (hear, say) = (openssl.stdout.take().expect("a pipe"), openssl.stdin.take().expect("a pipe"));
    (OpenSsl(openssl), Session { hear: BufReader::new(hear), say })
}

impl<R: Read, W: Write> Session<R, W> {
    /// All lines of one reply.
    #[track_caller]
    pub fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let line = self.hear.line();
            reply += &line;
            if line.as_bytes().get(3) != Some(&b'-') {
                assert!(line.ends_with("\r\n"), "no reply but an end: {reply:?}");
                return reply;
            }
        }
    }

    /// The server ends without a greeting.
    pub fn silent(&mut self) -> bool {
        self.hear.line().is_empty()
    }

    #[track_caller]
    pub fn ask(&mut self, command: &str) -> String {
        self.say.write_all(format!("{command}\r\n").as_bytes()).expect("a command");
        self.reply()
    }

    /// A command whose reply is not awaited.
    pub fn tell(&mut self, text: &str) {
        self.say.write_all(text.as_bytes()).expect("the bridge takes what the client says");
    }

    /// The reply to EHLO, after a greeting of 220.
    #[track_caller]
    pub fn greet(&mut self) -> String {
        let greeting = self.reply();
        assert!(greeting.starts_with("220 "), "{greeting:?}");
        let offers = self.ask("EHLO laptop.test");
        assert!(offers.starts_with("250-"), "{offers:?}");
        offers
    }

    /// The reply to AUTH PLAIN of alice.
    #[track_caller]
    pub fn login(&mut self, password: &str) -> String {
        self.ask(&format!("AUTH PLAIN {}", Settings::plain("alice", password)))
    }

    /// With the envelope in one go if the server offers PIPELINING.
    #[track_caller]
    pub fn send(&mut self, mail: &Mail, pipelining: bool) {
        let mut commands = vec![(format!("MAIL FROM:<{}>{}\r\n", mail.from, mail.options), "250")];
        commands.extend(mail.to.iter().map(|to| (format!("RCPT TO:<{to}>\r\n"), "25")));
        if mail.chunks.is_none() {
            commands.push(("DATA\r\n".to_owned(), "354"));
        }
        let together = if pipelining { commands.len() } else { 1 };
        for group in commands.chunks(together) {
            let text: String = group.iter().map(|(command, _)| command.as_str()).collect();
            self.say.write_all(text.as_bytes()).expect("commands");
            for (command, expected) in group {
                let reply = self.reply();
                assert!(reply.starts_with(expected), "{}: {command:?}: {reply:?}", mail.name);
            }
        }
        let Some(size) = mail.chunks else {
            self.say.write_all(&mail.stuffed()).expect("a message");
            return self.taken(mail);
        };
        for chunk in mail.data.chunks(size) {
            self.say.write_all(&[format!("BDAT {}\r\n", chunk.len()).as_bytes(), chunk].concat()).expect("a chunk");
            self.taken(mail);
        }
        self.say.write_all(b"BDAT 0 LAST\r\n").expect("the last chunk");
        self.taken(mail);
    }

    #[track_caller]
    fn taken(&mut self, mail: &Mail) {
        let reply = self.reply();
        assert!(reply.starts_with("250"), "{}: {reply:?}", mail.name);
    }
}

impl Session<TcpStream, TcpStream> {
    /// Says QUIT and reads to the end: the 221 and nothing else.
    #[track_caller]
    pub fn quit(mut self, bridge: Bridge) -> Ended {
        let bye = self.ask("QUIT");
        assert!(bye.starts_with("221"), "{bye:?}");
        self.ends(bridge)
    }

    /// Nothing else comes.
    #[track_caller]
    pub fn ends(mut self, bridge: Bridge) -> Ended {
        assert_eq!(String::from_utf8_lossy(&self.hear.rest()), "");
        drop((self.hear, self.say));
        bridge.finish()
    }
}
