//! What the kernel knows of sockets and threads: conditions to wait for if a scenario needs that something was read, or
//! that nothing moves any more.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use super::bridge::Bridge;
use super::limit::until;

/// Less than a test has: a wait in vain says what for.
const PATIENCE: Duration = Duration::from_secs(20);

/// The thread that reads from the client.
pub const MAIN: &str = "smtps-bridge";

/// This many looks in a row, 2 ms apart, must find the same: a blocked send moves once more when an ACK comes.
const LOOKS: u32 = 25;

/// Waits until the other end of `tcp` has read everything that was written here.
#[track_caller]
pub fn until_read(tcp: &TcpStream) {
    let (ours, theirs) = (tcp.local_addr().expect("our address"), tcp.peer_addr().expect("their address"));
    // The one after the other: what has left here is over there, before it is read.
    until_acknowledged(tcp);
    until(PATIENCE, "the other end has read everything", || queues(Some(theirs), ours).unread == 0);
}

/// Waits until the kernel at the other end has acknowledged everything that was written here.
#[track_caller]
pub fn until_acknowledged(tcp: &TcpStream) {
    let (ours, theirs) = (tcp.local_addr().expect("our address"), tcp.peer_addr().expect("their address"));
    until(PATIENCE, "the kernel has delivered everything", || queues(Some(ours), theirs).unsent == 0);
}

/// Waits until `thread` of the bridge (MAIN, `down`) sleeps and stays asleep, though octets that `from` sent wait to be
/// read: it is blocked in a write.
#[track_caller]
pub fn until_blocked(bridge: &Bridge, thread: &str, from: SocketAddr) {
    until_the_same(&format!("{thread} is blocked"), || blocked(bridge, thread, from));
}

/// Writes until no more is taken: the bridge's send is blocked, and what `client` has written waits behind it.
#[track_caller]
pub fn fill(bridge: &Bridge, mut client: &TcpStream) {
    client.set_nonblocking(true).expect("O_NONBLOCK");
    let from = client.local_addr().expect("the client's address");
    until_the_same("the main thread waits", || {
        while client.write(&[b'.'; 65_536]).is_ok() {}
        blocked(bridge, MAIN, from)
    });
}

fn blocked(bridge: &Bridge, thread: &str, from: SocketAddr) -> Option<(String, String)> {
    asleep(bridge.pid()).filter(|_| queues(None, from).unread > 0)?.into_iter().find(|(name, _)| name == thread)
}

/// Waits until `thread` of the bridge sleeps in a function of the kernel whose name has `word` in it.
#[track_caller]
pub fn until_stopped(bridge: &Bridge, thread: &str, word: &str) {
    until(PATIENCE, &format!("{thread} sleeps in {word}"), || {
        let tasks = fs::read_dir(format!("/proc/{}/task", bridge.pid())).into_iter().flatten().flatten();
        tasks.map(|task| task.path()).any(|task| {
            let read = |file| fs::read_to_string(task.join(file)).unwrap_or_default();
            read("comm").trim() == thread && read("wchan").contains(word)
        })
    });
}

/// Waits until all threads of the bridge sleep and stay asleep.
#[track_caller]
pub fn until_asleep(bridge: &Bridge) {
    until_the_same("all threads sleep", || asleep(bridge.pid()));
}

#[track_caller]
fn until_the_same<T: PartialEq>(what: &str, mut look: impl FnMut() -> Option<T>) {
    let (mut last, mut looks) = (None, 0);
    until(PATIENCE, what, || {
        let now = look();
        looks = if now.is_some() && now == last { looks + 1 } else { 0 };
        last = now;
        looks == LOOKS
    });
}

/// The threads of a process by name, and how often each has gone to sleep; None when one of them does not sleep now.
fn asleep(pid: u32) -> Option<Vec<(String, String)>> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let thread = |task: fs::DirEntry| {
        let status = fs::read_to_string(task.path().join("status")).ok()?;
        let field = |name: &str| status.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()));
        field("State:")?.starts_with('S').then_some(())?;
        Some((field("Name:")?, field("voluntary_ctxt_switches:")?))
    };
    tasks.flatten().map(thread).collect()
}

/// Fills the queue of a listener: the kernel drops clients that come now, and lets in those that come again later. The
/// connections that are in the queue.
pub fn full_queue(listener: &TcpListener) -> Vec<TcpStream> {
    nix::sys::socket::listen(listener, nix::sys::socket::Backlog::new(1).expect("a backlog")).expect("listen(2)");
    let addr = listener.local_addr().expect("the port's number");
    let connect = || TcpStream::connect_timeout(&addr, Duration::from_millis(200)).ok();
    std::iter::from_fn(connect).collect()
}

/// Octets in the queues of one socket, or of several.
#[derive(Default)]
struct Queues {
    /// Written, and not acknowledged by the other end's kernel.
    unsent: u64,
    unread: u64,
}

/// Those of the IPv4 sockets at `local` (or anywhere on this machine) whose other end is `remote`.
fn queues(local: Option<SocketAddr>, remote: SocketAddr) -> Queues {
    let (local, remote) = (local.map(hex), hex(remote));
    let mut sum = Queues::default();
    for line in fs::read_to_string("/proc/net/tcp").expect("/proc/net/tcp").lines().skip(1) {
        // proc_net_tcp in the kernel's documentation: number, local, remote, state, tx_queue:rx_queue.
        let fields: Vec<&str> = line.split_whitespace().take(5).collect();
        if fields[2] == remote && local.as_ref().is_none_or(|local| fields[1] == *local) {
            let (tx, rx) = fields[4].split_once(':').expect("two queues");
            sum.unsent += u64::from_str_radix(tx, 16).expect("a number");
            sum.unread += u64::from_str_radix(rx, 16).expect("a number");
        }
    }
    sum
}

/// As the kernel writes it: the address as a number of this machine's byte order.
fn hex(addr: SocketAddr) -> String {
    let SocketAddr::V4(addr) = addr else { panic!("{addr} is not IPv4") };
    format!("{:08X}:{:04X}", u32::from_ne_bytes(addr.ip().octets()), addr.port())
}
