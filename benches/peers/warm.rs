//! What a handshake costs a client that is already running: the part of a session that no program can leave out.

use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;

use nix::sys::resource::{getrusage, UsageWho};
use nix::sys::time::TimeValLike;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::numbers::Series;
use crate::place::Place;

/// After this many of them nothing is done for the first time any more.
const WARMING_UP: usize = 20;

/// CPU milliseconds of this thread: connect, handshake, close.
pub fn handshakes(place: &Place, count: usize) -> io::Result<Series> {
    let mut roots = RootCertStore::empty();
    roots.add(place.ca.cert()).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = builder.map_err(io::Error::other)?.with_root_certificates(roots).with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    let config = Arc::new(config);
    let mut series = Series::default();
    for i in 0..WARMING_UP + count {
        let before = cpu_ms()?;
        let mut tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, place.server.tls))?;
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let mut tls = ClientConnection::new(Arc::clone(&config), name).map_err(io::Error::other)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp)?;
        }
        drop((tls, tcp));
        if i >= WARMING_UP {
            series.push(cpu_ms()? - before);
        }
    }
    Ok(series)
}

fn cpu_ms() -> io::Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_THREAD)?;
    Ok((usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1000.0)
}
