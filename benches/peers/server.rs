//! A fast smarthost on loopback, with TLS and without: one thread a connection, in this process, so that what it costs is
//! not counted as the program's. Besides SMTP it knows `XUP n` (takes n octets) and `XDOWN n` (sends n octets), and
//! `XPIECES` (answers in two pieces).

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Four records: larger pieces gain nothing.
pub const PIECE: usize = 64 * 1024;

/// The ports; it listens until the process ends.
#[derive(Clone, Copy)]
pub struct Server {
    pub tls: u16,
    /// With TLS but without TCP_NODELAY: a piece of a reply waits until the one before it is acknowledged.
    pub nagle: u16,
    pub plain: u16,
}

impl Server {
    pub fn start(config: ServerConfig) -> io::Result<Server> {
        let config = Arc::new(config);
        let nagle = Arc::clone(&config);
        let tls = listen(move |tcp| tcp.set_nodelay(true).and_then(|()| serve(tcp, &config)))?;
        let nagle = listen(move |tcp| serve(tcp, &nagle))?;
        let plain = listen(|tcp| tcp.set_nodelay(true).and_then(|()| end(&talk(tcp)?)))?;
        Ok(Server { tls, nagle, plain })
    }
}

/// rustls reads 4 KiB at a time: from memory here, so that the server does not set the speed of an upload.
struct Wide(BufReader<TcpStream>);

impl Read for Wide {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        self.0.read(octets)
    }
}

impl Write for Wide {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.get_mut().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn listen(serve: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static) -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for tcp in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            // What goes wrong shows at the client's end.
            thread::spawn(move || serve(tcp));
        }
    });
    Ok(port)
}

fn serve(tcp: TcpStream, config: &Arc<ServerConfig>) -> io::Result<()> {
    let tls = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    let mut stream = talk(StreamOwned::new(tls, Wide(BufReader::with_capacity(PIECE, tcp))))?;
    stream.conn.send_close_notify();
    stream.flush()?;
    end(stream.sock.0.get_ref())
}

/// One session up to its QUIT; the stream comes back to be closed.
fn talk<S: Read + Write>(stream: S) -> io::Result<S> {
    let mut stream = BufReader::with_capacity(PIECE, stream);
    reply(&mut stream, "220 smarthost.test ESMTP")?;
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Ok(stream.into_inner());
        }
        let (verb, argument) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
        let count = argument.parse().unwrap_or(0);
        match verb {
            "EHLO" => reply(&mut stream, "250-smarthost.test\r\n250-8BITMIME\r\n250 PIPELINING")?,
            "DATA" => {
                reply(&mut stream, "354 go on")?;
                message(&mut stream)?;
                reply(&mut stream, "250 2.0.0 taken")?;
            }
            "XUP" => {
                reply(&mut stream, "354 go on")?;
                take(&mut stream, count)?;
                reply(&mut stream, "250 2.0.0 taken")?;
            }
            "XDOWN" => {
                reply(&mut stream, "250 here it is")?;
                send(stream.get_mut(), count)?;
            }
            "XPIECES" => {
                reply(&mut stream, "250-one piece")?;
                reply(&mut stream, "250 and another")?;
            }
            "QUIT" => {
                reply(&mut stream, "221 2.0.0 bye")?;
                return Ok(stream.into_inner());
            }
            _ => reply(&mut stream, "250 2.0.0 ok")?,
        }
    }
}

fn reply<S: Read + Write>(stream: &mut BufReader<S>, text: &str) -> io::Result<()> {
    stream.get_mut().write_all(format!("{text}\r\n").as_bytes())?;
    stream.get_mut().flush()
}

/// Up to the final dot.
fn message(stream: &mut impl BufRead) -> io::Result<()> {
    let mut line = Vec::new();
    while line != b".\r\n" {
        line.clear();
        if stream.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

/// Reads that many octets and forgets them.
fn take(stream: &mut impl BufRead, mut count: u64) -> io::Result<()> {
    while count > 0 {
        count -= take_some(stream, count)?;
    }
    Ok(())
}

/// The same with what one read brings; returns how many there were.
pub fn take_some(stream: &mut impl BufRead, count: u64) -> io::Result<u64> {
    let n = stream.fill_buf()?.len().min(usize::try_from(count).unwrap_or(usize::MAX));
    if n == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    stream.consume(n);
    Ok(n as u64)
}

/// Writes that many octets, in lines as mail has them.
pub fn send(stream: &mut impl Write, mut count: u64) -> io::Result<()> {
    let lines: Vec<u8> = [&[b'm'; 76][..], b"\r\n"].concat().into_iter().cycle().take(PIECE).collect();
    while count > 0 {
        let n = lines.len().min(usize::try_from(count).unwrap_or(usize::MAX));
        stream.write_all(lines.get(..n).unwrap_or(&lines))?;
        count -= n as u64;
    }
    stream.flush()
}

/// A server ends first, and reads on: closing with unread input would send RST, which may destroy the last reply.
fn end(mut tcp: &TcpStream) -> io::Result<()> {
    tcp.shutdown(Shutdown::Write)?;
    io::copy(&mut tcp, &mut io::sink()).map(drop)
}
