//! x509-limbo: chains that a validator must take or refuse, over real handshakes with the real binary.

mod cases;
mod table;

use std::io::{self, Write};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::PrivateKeyDer;

use crate::hostile::{self, at, costs_little, Group};
use crate::support::bridge::Start;
use crate::support::ca::presenting;
use crate::support::dir::Dir;
use crate::support::limit::{skip_in_ci_too, within};
use crate::support::namespace::without_tool;
use crate::support::outcome::{either, serve};
use crate::support::peer::{Link, Peer};
use crate::trust::openssl::Server;

use cases::{Case, Verdict};
use table::Table;

/// Ten seconds on two cores; other tests run at the same time.
const LIMIT: Duration = Duration::from_secs(180);

/// Goal: every chain of x509-limbo that can be served is taken or refused as it says, or there is a documented reason.
/// No chain costs more than a bounded time and memory; no refused server hears an octet behind the handshake; every
/// refusal is a clean 421.
#[test]
fn promise_3_x509_limbo_has_no_unexplained_result() {
    let Some(directory) = cases::directory() else { return skip_in_ci_too(&cases::absent()) };
    if without_tool("openssl") || at(Start::new(), "now").is_none() {
        return;
    }
    within(LIMIT, move || {
        let (cases, all) = cases::read(&directory);
        let differences = cases::differences(&directory);
        let mut table = Table::new(all);
        for case in &cases {
            let (actual, said) = serve_it(case);
            table.add(case, actual, differences.get(&case.id), &said);
        }
        table.write();
        // Not a print macro: libtest would swallow it.
        let _ = writeln!(io::stderr(), "{}", table.summary());
        assert!(cases.len() > 150, "only {} cases were found", cases.len());
        assert!(table.unexplained().is_empty(), "{:#?}", table.unexplained());
        hostile::cases(Group::Limbo, cases.len());
    });
}

/// The bridge's verdict, and its words if it refused.
fn serve_it(case: &Case) -> (Verdict, String) {
    let dir = Dir::new();
    let mut start = Start::new().arg("--ca-file").arg(dir.write("ca.pem", &case.anchors));
    start = start.args(["--server-name", &case.name]);
    if let Some(time) = &case.time {
        start = at(start, time).expect("libfaketime, as before");
    }
    let key = PrivateKeyDer::from_pem_slice(case.key_pem.as_bytes()).ok();
    let Some(tls) = key.and_then(|key| presenting(case.chain.clone(), key, rustls::ALL_VERSIONS)) else {
        return serve_by_openssl(case, &dir, start);
    };
    let peer = Peer::before_handshake(tls, |mut link| match link.try_handshake() {
        Ok(()) => {
            serve(link);
            Verdict::Accept
        }
        Err(_) => refused_by_client(link),
    });
    let (verdict, said) = verdict(case, start.arg(peer.host()));
    match said.contains("stage=arguments") {
        // The bridge did not connect: the file of the anchors was refused.
        true => {
            drop(std::net::TcpStream::connect(peer.addr));
            peer.done();
        }
        false => assert_eq!(peer.done(), verdict, "{}: promise 3: what the server saw; {said}", case.id),
    }
    (verdict, said)
}

fn refused_by_client(mut link: Link) -> Verdict {
    link.until_closed();
    Verdict::Refuse
}

/// Keys that rustls does not sign with: DSA, P-192, RSA of 1024 bits.
fn serve_by_openssl(case: &Case, dir: &Dir, start: Start) -> (Verdict, String) {
    dir.write("cert.pem", &case.cert_pem);
    dir.write("key.pem", &case.key_pem);
    let server = Server::start(dir, &["-cipher", "ALL:@SECLEVEL=0"]).expect("openssl with this key");
    verdict(case, start.arg(server.host()))
}

fn verdict(case: &Case, start: Start) -> (Verdict, String) {
    match either(costs_little(start)) {
        Ok(_) => (Verdict::Accept, String::new()),
        Err(refusal) => {
            assert!([69, 76, 78].contains(&refusal.code), "{}: {refusal:#?}", case.id);
            (Verdict::Refuse, refusal.line)
        }
    }
}
