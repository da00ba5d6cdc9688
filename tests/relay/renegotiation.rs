//! TLS 1.2 HelloRequest, from the one server here that can send it: `openssl s_server`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use crate::hostile::{cases, Group};
use crate::support::bridge::{tcp_pair, Bridge, House};
use crate::support::kernel::until_read;
use crate::support::limit::{skip, started, until, within, USUAL};
use crate::support::peer::nobody_listens;
use crate::support::talk::{Hear, Talk};

struct OpenSsl {
    child: Child,
    port: u16,
    /// Its descriptor 0: a socket, because of a socket the kernel says what was read.
    stdin: TcpStream,
    stdout: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl OpenSsl {
    fn start(house: &House, version: &str) -> Option<OpenSsl> {
        let port = nobody_listens().port();
        let cert = house.dir.write("leaf.pem", &house.leaf.cert_pem);
        let key = house.dir.write("leaf.key", &house.leaf.key_pem);
        let mut command = Command::new("openssl");
        // -nbio: else it may sit in a blocking read after the handshake, where it hears no command.
        command.args(["s_server", "-nbio", version, "-accept", &format!("127.0.0.1:{port}")]);
        command.arg("-cert").arg(cert).arg("-key").arg(key);
        let (stdin, theirs) = tcp_pair();
        command.stdin(OwnedFd::from(theirs)).stdout(Stdio::piped()).stderr(Stdio::null());
        let Ok(mut child) = command.spawn() else {
            skip("needs openssl(1)");
            return None;
        };
        started(child.id());
        let stdout = Arc::<Mutex<String>>::default();
        let (mut pipe, output) = (child.stdout.take().unwrap(), Arc::clone(&stdout));
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = pipe.read(&mut buffer) {
                output.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..n]));
            }
        });
        let server = OpenSsl { child, port, stdin, stdout, reader: Some(reader) };
        // s_server serves one client after the other: a probe by connect would take the place of the bridge.
        let listening = format!("0100007F:{port:04X} 00000000:0000 0A");
        until(USUAL / 2, "openssl listens", || {
            std::fs::read_to_string("/proc/net/tcp").is_ok_and(|table| table.contains(&listening))
        });
        Some(server)
    }

    /// What goes to the client; a line of one letter is a command to s_server, which takes what else comes in the same
    /// read(2) for a part of it.
    fn say(&mut self, text: &str) {
        self.stdin.write_all(text.as_bytes()).unwrap();
        until_read(&self.stdin);
    }

    /// Waits for this many `text` in what it has heard and said.
    fn until_output(&self, text: &str, times: usize) {
        until(USUAL / 2, &format!("s_server says {times} times {text:?}"), || {
            self.stdout.lock().unwrap().matches(text).count() == times
        });
    }

    /// A session with it. Its greeting comes after the handshake: a command to s_server to write before that confuses it.
    fn greets(&mut self, house: &House) -> (Bridge, TcpStream) {
        let (bridge, mut client) = house.bridge(format!("127.0.0.1:{}", self.port)).arg("-v").socket();
        bridge.until_log("handshake host=");
        self.until_output("CIPHER is ", 1);
        self.say("220 openssl.test\n");
        assert_eq!(client.line(), "220 openssl.test\n");
        (bridge, client)
    }

    /// What it heard and said, once it has ended.
    fn output(mut self) -> String {
        self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        let output = self.stdout.lock().unwrap().clone();
        output
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Goal: rustls answers a HelloRequest by a no_renegotiation warning, which waits in its buffer while no one sends.
/// Both sides wait, and it must leave all the same: OpenSSL ends the session by a fatal alert as soon as it reads the
/// refusal; it would wait for ever for an answer that stays here.
#[test]
fn a_tls_1_2_hello_request_while_both_sides_wait_is_answered_at_once() {
    within(USUAL, || {
        let house = House::new();
        let Some(mut server) = OpenSsl::start(&house, "-tls1_2") else { return };
        let (bridge, mut client) = server.greets(&house);
        server.say("R\n");
        assert!(client.rest().is_empty());
        drop(client);
        bridge.finish().assert("alert", 76);
        cases(Group::TlsServers, 1);
    });
}

/// Goal: a KeyUpdate of another library than ours, asking for one in return, while both sides wait.
#[test]
fn a_key_update_of_openssl_while_both_sides_wait_harms_nothing() {
    within(USUAL, || {
        let house = House::new();
        let Some(mut server) = OpenSsl::start(&house, "-tls1_3") else { return };
        let (bridge, mut client) = server.greets(&house);
        for command in ["K", "k", "K"] {
            server.say(&format!("{command}\n"));
            server.say("250 next\n");
            assert_eq!(client.line(), "250 next\n");
            client.say(&format!("NOOP {command} please\r\n"));
        }
        server.until_output("please", 3);
        server.say("221 bye\n");
        assert_eq!(client.line(), "221 bye\n");
        // How it ends after a KeyUpdate is its own business: with close_notify or without.
        server.say("Q\n");
        assert!(client.rest().is_empty());
        drop(client);
        assert_eq!(bridge.finish().code, 0);
        let output = server.output();
        assert_eq!(output.matches("NOOP K please").count(), 2, "{output}");
        assert_eq!(output.matches("NOOP k please").count(), 1, "{output}");
    });
}
