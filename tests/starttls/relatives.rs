//! The same hostile servers against the programs that are used instead: stunnel with `protocol = smtp`, and swaks.
//! SECURITY.md has a table of what each shows to its user.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{start, write, GREETING, OFFERS, READY};
use crate::support::bridge::House;
use crate::support::limit::{skip, skip_in_ci_too, within, USUAL};
use crate::support::namespace::without_tool;
use crate::support::peer::{Link, Peer, TLS_1_3};
use crate::support::talk::Hear;

/// What a hostile server says, reply by reply; behind them it does TLS as it should, with every client that gets that far.
struct Case {
    name: &'static str,
    replies: [&'static str; 3],
    /// What its certificate is for.
    certified: &'static str,
}

const fn case(name: &'static str, greeting: &'static str, offers: &'static str, ready: &'static str) -> Case {
    Case { name, replies: [greeting, offers, ready], certified: "127.0.0.1" }
}

const WHAT: &str = "502 5.5.1 what\r\n";
const BARE: &str = "250 evil.test\r\n";

const CASES: [Case; 15] = [
    case("no lie at all", GREETING, OFFERS, READY),
    case("greeting 554", "554 5.7.1 go away\r\n", "", ""),
    case("greeting `220-`, then 554", "220-hello\r\n554 5.7.1 go away\r\n", "", ""),
    case("no greeting but an end", "", "", ""),
    case("greeting `220 ****`", "220 ****\r\n", OFFERS, READY),
    case("EHLO answered 502", GREETING, WHAT, WHAT),
    case("STARTTLS not offered, 502 to it", GREETING, BARE, WHAT),
    case("STARTTLS not offered, 220 to it", GREETING, BARE, READY),
    case("STARTTLS answered 454", GREETING, OFFERS, "454 4.7.0 not now\r\n"),
    case("STARTTLS answered 554", GREETING, OFFERS, "554 5.7.1 no\r\n"),
    case("STARTTLS answered 250", GREETING, OFFERS, "250 2.0.0 go ahead\r\n"),
    case("a reply to EHLO behind the greeting", "220 a\r\n250-injected.test\r\n250 STARTTLS\r\n", OFFERS, READY),
    case("a 220 behind the reply to EHLO", GREETING, "250-a\r\n250 STARTTLS\r\n220 injected\r\n", READY),
    case("a reply to EHLO behind the 220", GREETING, OFFERS, "220 Ready\r\n250-injected.test\r\n250 AUTH PLAIN\r\n"),
    Case { certified: "mail.example.net", ..case("a certificate for another name", GREETING, OFFERS, READY) },
];

/// Over TLS it is another server's.
const HONEST: &str = "250-smarthost.test\r\n250 SIZE 1000\r\n";

impl Case {
    /// Ends by itself, because not every program notices that it is over.
    fn server(&self, house: &House) -> Peer {
        let replies = self.replies;
        Peer::before_handshake(house.ca.leaf_for(&[self.certified]).server(TLS_1_3), move |mut link| {
            link.patience(Duration::from_secs(3));
            let [greeting, offers, ready] = replies;
            write(&mut link.tcp, greeting);
            if greeting.is_empty() {
                return;
            }
            for reply in [offers, ready] {
                if line(&mut link).is_none() || reply.is_empty() {
                    return;
                }
                // Some are gone as soon as they have said QUIT.
                if link.tcp.write_all(reply.as_bytes()).is_err() {
                    return;
                }
            }
            if !ready.starts_with('5') && !ready.starts_with('4') && link.try_handshake().is_ok() {
                over_tls(&mut link);
            }
        })
    }
}

fn line(link: &mut Link) -> Option<String> {
    let (mut line, mut octet) = (Vec::new(), [0]);
    while line.last() != Some(&b'\n') {
        match link.tcp.read(&mut octet) {
            Ok(1) => line.push(octet[0]),
            _ => return None,
        }
    }
    Some(String::from_utf8_lossy(&line).into_owned())
}

/// Answers EHLO and QUIT; a client that waits in vain ends by itself.
fn over_tls(link: &mut Link) {
    let mut said = String::new();
    loop {
        let mut buffer = [0; 4096];
        match link.tls.reader().read(&mut buffer) {
            Ok(n @ 1..) => said.push_str(&String::from_utf8_lossy(&buffer[..n])),
            _ => match link.feed() {
                Ok(true) => continue,
                _ => return,
            },
        }
        while let Some((command, rest)) = said.split_once("\r\n") {
            let reply = if command.starts_with("QUIT") { super::BYE } else { HONEST };
            let last = command.starts_with("QUIT");
            said = rest.to_owned();
            if link.try_send(reply.as_bytes()).is_err() || last {
                let alert = link.close_notify_record();
                let _ = link.tcp.write_all(&alert);
                return;
            }
        }
    }
}

/// What a client on the plain side of a program reads. It says EHLO once it is greeted with 220, and then QUIT.
fn plain_side(mut hear: impl Read, mut say: impl Write) -> String {
    let greeting = hear.line();
    let mut offers = String::new();
    if greeting.starts_with("220") && say.write_all(b"EHLO me\r\n").is_ok() {
        offers = hear.line();
        let _ = say.write_all(b"QUIT\r\n");
    }
    drop(say);
    let read =
        |line: &str| if line.is_empty() { "an end of file".to_owned() } else { format!("`{}`", line.trim_end()) };
    if greeting.starts_with("220") {
        format!("reads {}, then {}", read(&greeting), read(&offers))
    } else {
        format!("reads {}", read(&greeting))
    }
}

/// A reply of ours is long; other tests compare what it says.
fn shortened(cell: &str) -> String {
    match cell.split_once(" 127.0.0.1: ") {
        Some((code, _)) => format!("{code}` with the reason"),
        None => cell.to_owned(),
    }
}

fn ours(case: &Case) -> String {
    let house = House::new();
    let peer = case.server(&house);
    let (bridge, input, output) = start(&house, peer.host()).pipes();
    let cell = plain_side(output, input);
    bridge.finish();
    peer.done();
    shortened(&cell)
}

/// With all of stunnel's options of trust.
fn stunnel(program: &Path, case: &Case) -> String {
    let house = House::new();
    let peer = case.server(&house);
    let config = format!(
        "client = yes\nconnect = {}\nprotocol = smtp\nverifyChain = yes\ncheckIP = 127.0.0.1\nCAfile = {}\nsyslog = no\n",
        peer.host(),
        house.dir.path("ca.pem").display()
    );
    let mut child = Command::new(program)
        .arg(house.dir.write("stunnel.conf", config))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("stunnel");
    let cell = plain_side(child.stdout.take().unwrap(), child.stdin.take().unwrap());
    peer.done();
    // It does not end by itself.
    let _ = child.kill();
    let _ = child.wait();
    cell
}

/// Its own reading of the dialogue: `<-` is what came in clear, `<~` what came over TLS, a star an error.
fn swaks(case: &Case) -> String {
    let house = House::new();
    let peer = case.server(&house);
    let output = Command::new("swaks")
        .args(["--server", "127.0.0.1", "--port", &peer.addr.port().to_string(), "--tls", "--tls-verify"])
        .arg("--tls-ca-path")
        .arg(house.dir.path("ca.pem"))
        .args(["--helo", "me", "--quit-after", "HELO", "--timeout", "3"])
        .stdin(Stdio::null())
        .output()
        .expect("swaks");
    peer.done();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    // The words in brackets are OpenSSL's, and differ with each version.
    let words = |line: &str| line.get(3..).unwrap_or_default().split(" (").next().unwrap_or_default().trim().to_owned();
    if let Some(line) = said.lines().find(|line| line.starts_with("<~")) {
        return format!("shows `{}` as said over TLS", words(line));
    }
    // Its own words, or the last one that it heard.
    let own = said.lines().find(|line| line.starts_with("*** ") && !line.contains("Remote host closed"));
    let heard = said.lines().rfind(|line| line.starts_with('<') && line.len() > 4 && !line.contains("Timeout"));
    match own.or(heard) {
        Some(line) => format!("stops: `{}`", words(line)),
        None => "stops at the end".to_owned(),
    }
}

/// `5.68` of `3:5.68-2+deb12u1`.
fn upstream(version: &str) -> &str {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    version.split('-').next().unwrap_or_default()
}

/// Goal: the option is compared with programs that have long done the same; SECURITY.md says what this run saw.
#[test]
fn the_table_of_hostile_servers_is_that_of_security_md() {
    within(4 * USUAL, || {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let peer: PathBuf = root.join("target/peers/stunnel4");
        let Ok(version) = fs::read_to_string(peer.join("version")) else {
            return skip("needs stunnel4: tests/run unpacks it into target/peers");
        };
        if without_tool("swaks") || without_tool("perl") {
            return;
        }
        let has_tls = Command::new("perl").args(["-MNet::SSLeay", "-e", "1"]).status().is_ok_and(|s| s.success());
        if !has_tls {
            return skip("swaks needs Net::SSLeay (libnet-ssleay-perl)");
        }
        let swaks_version = Command::new("swaks").arg("--version").output().expect("swaks").stdout;
        let swaks_version = String::from_utf8_lossy(&swaks_version).lines().next().unwrap_or_default().to_owned();
        let swaks_version = swaks_version.rsplit(' ').next().unwrap_or_default().to_owned();
        let head =
            format!("| the server | smtps-bridge | stunnel {} | swaks {swaks_version} |", upstream(version.trim()));
        let mut table = format!("{head}\n|---|---|---|---|\n");
        let stunnel_program = peer.join("usr/bin/stunnel4");
        for case in &CASES {
            let cells = [ours(case), stunnel(&stunnel_program, case), swaks(case)];
            // With ours, whatever the others do, the client never reads what is said in clear.
            let harmless = ["no lie at all", "greeting `220 ****`"].contains(&case.name);
            let session = "reads `220 [127.0.0.1] ESMTP`, then `250-smarthost.test`";
            let good = if harmless { cells[0] == session } else { cells[0].starts_with("reads `421 4.") };
            assert!(good, "{}: {cells:?}", case.name);
            table.push_str(&format!("| {} | {} |\n", case.name, cells.join(" | ")));
        }
        fs::write(root.join("target/starttls.md"), &table).expect("a file");
        let page = fs::read_to_string(root.join("SECURITY.md")).expect("SECURITY.md");
        if !page.contains(&head) {
            return skip_in_ci_too(&format!("SECURITY.md has the table of other versions than {head}"));
        }
        assert!(page.contains(&table), "SECURITY.md has another table than this run:\n{table}");
    });
}
