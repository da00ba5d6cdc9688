//! The main job on one screen: a message with AUTH through the bridge to an embedded smarthost on implicit TLS, the
//! way inetd starts it, and then what a mail program reads when there is no session.
//!
//! `cargo run --release --example demo`

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a demonstration prints, and its borrowed test support fails by panicking"
)]

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ca::{Ca, Leaf};
use smarthost::{Settings, Smarthost};

#[path = "../tests/support/ca.rs"]
mod ca;
#[path = "../tests/support/smarthost.rs"]
mod smarthost;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Longer than anything here takes; the demonstration never hangs.
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    let directory = env::temp_dir().join(format!("smtps-bridge-demo-{}", std::process::id()));
    let result = fs::create_dir(&directory).map_err(Into::into).and_then(|()| run(&directory));
    let _ = fs::remove_dir_all(&directory);
    match result {
        Ok(()) => {
            println!("\nAll went right.");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("\nThe demonstration failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(directory: &Path) -> Outcome<()> {
    eprintln!("Building smtps-bridge (the first time takes a minute or two) ...");
    let bridge = Bridge { program: build()?, ca_file: directory.join("ca.pem") };
    let ca = Ca::new();
    fs::write(&bridge.ca_file, ca.pem())?;

    let good = start(&ca.leaf())?;
    println!("1. inetd starts `smtps-bridge --ca-file ca.pem {}` with the client's socket as", good.host());
    println!("   descriptors 0, 1 and 2. The client talks plain SMTP; the smarthost sees TLS.\n");
    let (child, client) = bridge.start(&good.host(), Two::Client)?;
    submit(&client, Show::Dialogue)?;
    client.shutdown(Shutdown::Write)?;
    finish(child, 0)?;

    let (child, client) = bridge.start(&good.host(), Two::Pipe)?;
    submit(&client, Show::Nothing)?;
    client.shutdown(Shutdown::Write)?;
    let log = finish(child, 0)?;
    let inbox = good.inbox();
    check(inbox.len() == 2 && inbox.iter().all(|m| m.user == "alice" && m.data == MESSAGE.as_bytes()), || {
        format!("the smarthost should hold two messages of alice, and has {inbox:?}")
    })?;
    println!("\n   The smarthost holds it, byte for byte, from the authenticated user alice.");
    println!("   Syslog gets one line per session (shown from a second one, with a pipe as descriptor 2):");
    print_wrapped("   log: ", &log);

    println!("\nNo session: the client reads a 421, so that mail waits in its queue and never bounces.");
    let expired = start(&ca.leaf_expired((2024, 3, 31)))?;
    bridge.fail("2. The smarthost's certificate has expired.", &expired.host(), "421 4.7.5", "expired", 69)?;
    let other = start(&ca.leaf_for(&["mail.example.net"]))?;
    bridge.fail("3. The certificate is for another name.", &other.host(), "421 4.7.5", "mail.example.net", 69)?;
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.to_string();
    bridge.fail("4. Nobody listens.", &free, "421 4.4.1", "refused", 75)?;
    check(expired.inbox().is_empty() && other.inbox().is_empty(), || "a refused smarthost got mail".to_owned())
}

/// An example run does not build the binary: cargo does, and says where it is.
fn build() -> Outcome<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--release", "--bin", "smtps-bridge", "--message-format=json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()?;
    check(output.status.success(), || format!("cargo build: {}", output.status))?;
    let messages = String::from_utf8(output.stdout)?;
    let path = messages.lines().filter(|line| line.contains("\"kind\":[\"bin\"]")).find_map(|line| {
        let (_, path) = line.split_once("\"executable\":\"")?;
        // The string ends at a quote that no backslash stands before; a path with stranger bytes is not worth a parser.
        let end = path.char_indices().find(|&(at, c)| c == '"' && !path[..at].ends_with('\\'))?.0;
        Some(PathBuf::from(path[..end].replace("\\\"", "\"").replace("\\\\", "\\")))
    });
    path.ok_or_else(|| "cargo build did not say where the program is".into())
}

fn start(leaf: &Leaf) -> io::Result<Smarthost> {
    Smarthost::start(Settings::new(leaf.server(rustls::ALL_VERSIONS)))
}

/// What descriptor 2 is.
enum Two {
    Client,
    Pipe,
}

struct Bridge {
    program: PathBuf,
    ca_file: PathBuf,
}

impl Bridge {
    fn start(&self, host: &str, two: Two) -> Outcome<(Child, TcpStream)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let client = TcpStream::connect(listener.local_addr()?)?;
        client.set_read_timeout(Some(PATIENCE))?;
        let (socket, _) = listener.accept()?;
        let mut command = Command::new(&self.program);
        command.arg("--ca-file").arg(&self.ca_file).arg(host);
        command.stdin(OwnedFd::from(socket.try_clone()?)).stdout(OwnedFd::from(socket.try_clone()?));
        match two {
            Two::Client => command.stderr(OwnedFd::from(socket)),
            Two::Pipe => command.stderr(Stdio::piped()),
        };
        Ok((command.spawn()?, client))
    }

    fn fail(&self, title: &str, host: &str, reply: &str, reason: &str, code: i32) -> Outcome<()> {
        let (child, mut client) = self.start(host, Two::Pipe)?;
        let greeting = line(&mut BufReader::new(&client))?;
        check(greeting.starts_with(reply) && greeting.contains(reason), || format!("the client read: {greeting}"))?;
        // As sendmail, Exim and nullmailer do.
        client.write_all(b"QUIT\r\n")?;
        client.shutdown(Shutdown::Write)?;
        let log = finish(child, code)?;
        println!("\n{title} (exit code {code})");
        print_wrapped("   client reads: ", &greeting);
        print_wrapped("   log: ", &log);
        Ok(())
    }
}

enum Show {
    Dialogue,
    Nothing,
}

const MESSAGE: &str = "From: alice@example.org\r\nTo: bob@example.net\r\nSubject: hello\r\n\r\nIt works.\r\n";

/// One message, as a mail program submits it.
fn submit(client: &TcpStream, show: Show) -> Outcome<()> {
    let plain = format!("AUTH PLAIN {}", Settings::plain("alice", "secret"));
    let body = format!("{MESSAGE}.");
    let dialogue = [
        ("", "220 "),
        ("EHLO laptop.test", "250 "),
        (&plain, "235 "),
        ("MAIL FROM:<alice@example.org>", "250 "),
        ("RCPT TO:<bob@example.net>", "250 "),
        ("DATA", "354 "),
        (&body, "250 "),
        ("QUIT", "221 "),
    ];
    let (mut input, mut output) = (BufReader::new(client), client);
    for (say, hear) in dialogue {
        if !say.is_empty() {
            output.write_all(format!("{say}\r\n").as_bytes())?;
        }
        let mut reply = line(&mut input)?;
        while reply.get(3..4) == Some("-") {
            reply = line(&mut input)?;
        }
        check(reply.starts_with(hear), || format!("{hear:?} should answer {say:?}, and it was {reply:?}"))?;
        if matches!(show, Show::Dialogue) {
            let say = if say == body { "From: alice ... It works. ." } else { say };
            println!("   {say:<36} {reply}");
        }
    }
    let mut rest = Vec::new();
    input.read_to_end(&mut rest)?;
    check(rest.is_empty(), || format!("behind the 221 came {:?}", String::from_utf8_lossy(&rest)))
}

fn line(input: &mut impl BufRead) -> Outcome<String> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// Waits for the bridge's end; what it logged.
fn finish(mut child: Child, code: i32) -> Outcome<String> {
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > PATIENCE {
            child.kill()?;
        }
        thread::sleep(Duration::from_millis(2));
    };
    let mut log = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut log)?;
    }
    check(status.code() == Some(code), || format!("the bridge ended with {status}, not {code}: {log}"))?;
    Ok(log.trim_end().to_owned())
}

fn check(right: bool, otherwise: impl FnOnce() -> String) -> Outcome<()> {
    if right {
        Ok(())
    } else {
        Err(otherwise().into())
    }
}

/// In lines of 100 columns, broken at spaces.
fn print_wrapped(label: &str, text: &str) {
    let mut line = label.to_owned();
    for word in text.split(' ') {
        if line.len() + word.len() > 100 {
            println!("{}", line.trim_end());
            line = " ".repeat(label.len());
        }
        line += word;
        line.push(' ');
    }
    println!("{}", line.trim_end());
}
