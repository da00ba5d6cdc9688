//! Where the smarthosts relay their mail to: a plain SMTP server on 127.0.0.1 that takes everything as it comes.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::support::smarthost::Settings;

pub struct Sink {
    inbox: Arc<Mutex<Vec<Message>>>,
}

/// The first line of our header.
const NAME: &[u8] = b"X-Mail: ";

#[derive(Clone)]
pub struct Message {
    pub from: String,
    pub to: Vec<String>,
    /// Which mail it is: the line `X-Mail: NAME`. What a smarthost added stands above it.
    pub name: String,
    pub above: String,
    /// From that line on; dots unstuffed, without the final dot.
    pub data: Arc<Vec<u8>>,
}

impl Message {
    pub fn new(from: String, to: Vec<String>, data: &[u8]) -> Message {
        let mut begins = 0;
        for line in data.split_inclusive(|&octet| octet == b'\n') {
            if line.starts_with(NAME) {
                break;
            }
            begins += line.len();
        }
        let (above, data) = data.split_at(begins);
        let first = data.split(|&octet| octet == b'\r').next().and_then(|line| line.strip_prefix(NAME));
        let [name, above] = [first.unwrap_or_default(), above].map(|text| String::from_utf8_lossy(text).into_owned());
        Message { from, to, name, above, data: Arc::new(data.to_vec()) }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Welcome {
    Everybody,
    Alice,
}

const OFFERS: &str =
    "250-sink.test\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-PIPELINING\r\n250-SIZE\r\n250 AUTH PLAIN\r\n";

/// The same password, with alice as the authorization identity too: sendmail sends it so.
const TWICE_ALICE: &str = "YWxpY2UAYWxpY2UAc2VjcmV0";

impl Sink {
    /// Listens until the test's process ends.
    pub fn open(port: u16) -> Sink {
        Sink::listen(port, Welcome::Everybody, None)
    }

    /// A plain server that wants to know that its client is alice.
    pub fn demanding_auth(port: u16) -> Sink {
        Sink::listen(port, Welcome::Alice, None)
    }

    /// The same, but the first one that has said DATA sees it die behind this many octets of the text: at the latest
    /// behind the final dot, which gets no reply.
    pub fn dying_in_the_first_text(port: u16, octets: usize) -> Sink {
        Sink::listen(port, Welcome::Alice, Some(octets))
    }

    fn listen(port: u16, welcome: Welcome, dies_behind: Option<usize>) -> Sink {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a port");
        let sink = Sink { inbox: Arc::default() };
        let inbox = Arc::clone(&sink.inbox);
        let dies_behind = Arc::new(Mutex::new(dies_behind));
        thread::spawn(move || {
            for tcp in listener.incoming().flatten() {
                let (inbox, dies_behind) = (Arc::clone(&inbox), Arc::clone(&dies_behind));
                // An error is the smarthost's to report.
                thread::spawn(move || serve(tcp, &inbox, welcome, &dies_behind));
            }
        });
        sink
    }

    pub fn inbox(&self) -> Vec<Message> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(
    tcp: TcpStream,
    inbox: &Mutex<Vec<Message>>,
    mut welcome: Welcome,
    dies_behind: &Mutex<Option<usize>>,
) -> io::Result<()> {
    let (mut reply, mut stream) = (tcp.try_clone()?, BufReader::new(tcp));
    let mut say = |text: &str| reply.write_all(format!("{text}\r\n").as_bytes());
    let (mut from, mut to) = (String::new(), Vec::new());
    say("220 sink.test ESMTP")?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let line = line.trim_end();
        match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
            "EHLO" => say(OFFERS.trim_end())?,
            "AUTH" if line.ends_with(&Settings::plain("alice", "secret")) || line.ends_with(TWICE_ALICE) => {
                welcome = Welcome::Everybody;
                say("235 2.7.0 Authentication successful")?;
            }
            "AUTH" => say("535 5.7.8 Authentication credentials invalid")?,
            "MAIL" | "RCPT" if welcome == Welcome::Alice => say("530 5.7.0 Authentication required")?,
            "MAIL" => {
                (from, to) = (path(line), Vec::new());
                say("250 2.1.0 Ok")?;
            }
            "RCPT" => {
                to.push(path(line));
                say("250 2.1.5 Ok")?;
            }
            "DATA" => {
                say("354 End data with <CR><LF>.<CR><LF>")?;
                if let Some(octets) = dies_behind.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    return data(&mut BufReader::new(stream.take(octets as u64))).map(drop);
                }
                let message = Message::new(from.clone(), to.clone(), &data(&mut stream)?);
                inbox.lock().unwrap_or_else(PoisonError::into_inner).push(message);
                say("250 2.0.0 Ok: taken")?;
            }
            "QUIT" => return say("221 2.0.0 Bye"),
            // HELO, NOOP, RSET and what a proxy may ask.
            _ => say("250 2.0.0 Ok")?,
        }
    }
}

/// Up to the final dot, dots unstuffed.
fn data(stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let start = data.len();
        if stream.read_until(b'\n', &mut data)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if data[start..] == *b".\r\n" {
            data.truncate(start);
            return Ok(data);
        }
        if data[start] == b'.' {
            data.remove(start);
        }
    }
}

/// `a@b` of `FROM:<a@b> SIZE=7`.
fn path(command: &str) -> String {
    let path = command.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    path.map_or(command, |(path, _)| path).to_owned()
}
