//! Under a real xinetd with the printed file, and what is left of all that: in xinetd, in its machine, in the network.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use crate::hostile::{cases, Group};
use crate::real::machine::Machine;
use crate::support::bridge::House;
use crate::support::limit::{doing, until};
use crate::support::namespace::{inside_for, sh};
use crate::support::outcome::GREETING;
use crate::support::talk::Hear;

use super::{asked, in_ci, smarthost, talk, Plan, LIMIT};

/// A mail program that flushes its queue. The printed file allows 100, which is what the test raises.
const AT_ONCE: u64 = 300;

/// For what is on its way to its end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Of xinetd, in KiB, after a first burst has made its tables as large as they get: room for other octets in the same
/// pages, and for nothing that every session leaves behind.
const MOST_GROWTH: u64 = 128;

/// Of any bridge at any time, in KiB: twice what there is, most of it pages of the program's file.
const MOST_MEMORY: u64 = 16 * 1024;

/// Goal: 1000 sessions in a row and 300 at once, twice, in CI; 60 and 300 elsewhere. Each octet arrives both ways, each end
/// is reported correctly, and afterwards xinetd has the descriptors that it had, no child, and no more memory; no process,
/// socket or file is left.
#[test]
fn sessions_under_xinetd_lose_no_byte_and_leave_nothing_behind() {
    let (in_a_row, limit) = asked().unwrap_or((if in_ci() { 1000 } else { 60 }, LIMIT));
    inside_for(limit, move || {
        own_tmp();
        // Before there is a syslogd: the bridge does not wait for one that is busy, and every line is to be counted.
        sh("echo 10000 > /proc/sys/net/unix/max_dgram_qlen");
        let Some(machine) = Machine::boot(&["xinetd"]) else { return };
        let house = House::new();
        let sessions = in_a_row + 2 * AT_ONCE;
        let peer = smarthost(&house, sessions);
        let ca = house.dir.path("ca.pem");
        let words = format!("--setup-timeout 3600 --ca-file {} {}", ca.display(), peer.host());
        let printed = machine.sh(&format!("smtps-bridge --print-config xinetd {words}"));
        // These clients do not log in.
        let printed = printed.replace("--require-auth ", "");
        let raised = printed.replace("instances       = 100\n", &format!("instances       = {AT_ONCE}\n"));
        assert_ne!(raised, printed);
        machine.write("/etc/xinetd.d/smtps-bridge", &raised);
        machine.sh("xinetd");
        machine.until_listening();
        let xinetd = Xinetd::find();
        let (fresh, cold, start) = (xinetd.left(&machine), xinetd.memory(), Instant::now());
        let most = xinetd.watch();

        burst(&machine, xinetd, 0);
        assert_eq!(xinetd.settled(&machine, &fresh), fresh);
        let warm = xinetd.memory();
        for seed in AT_ONCE..AT_ONCE + in_a_row {
            let mut client = machine.client();
            assert_eq!(client.line(), GREETING, "session {seed}");
            talk(client, seed);
        }
        burst(&machine, xinetd, AT_ONCE + in_a_row);
        peer.done();
        let took = start.elapsed();
        let left = xinetd.settled(&machine, &fresh);
        assert_eq!(left, fresh);
        let (after, most) = (xinetd.memory(), most.load(Ordering::Relaxed));
        assert!(after <= warm + MOST_GROWTH, "xinetd had {warm} KiB after the first burst, and has {after}");
        assert!((1..=MOST_MEMORY).contains(&most), "a bridge had {most} KiB");

        let mut ends = BTreeMap::<&str, usize>::new();
        (0..sessions).for_each(|seed| *ends.entry(Plan::new(seed).end.told().0).or_default() += 1);
        let lines = machine.syslog.lines();
        // With the 221 both sides are done: it is chance whose end comes first.
        let alike = |word: &str| if word == "local_eof" { "eof" } else { word }.to_owned();
        let ended = |line: &str, word: &str| {
            line.split(' ').any(|field| field.strip_prefix("end=").map(alike).as_deref() == Some(word))
        };
        let told = |word: &str| lines.iter().filter(|line| ended(line, word)).count();
        let told: BTreeMap<&str, usize> = ends.keys().map(|word| (*word, told(word))).collect();
        assert_eq!(told, ends);
        let report = format!(
            "{in_a_row} sessions in a row and 2 x {AT_ONCE} at once under xinetd, in {took:.0?}, before and after:\n\
             descriptors of xinetd {} {}, its children {} {}, processes {} {}, sockets {} {}, files {} {},\n\
             memory of xinetd {cold} KiB, {warm} KiB after the first burst, {after} KiB; of a bridge at most {most} KiB;\n\
             {ends:?}\n",
            fresh.descriptors.len(),
            left.descriptors.len(),
            fresh.children.len(),
            left.children.len(),
            fresh.processes.len(),
            left.processes.len(),
            fresh.sockets.len(),
            left.sockets.len(),
            fresh.files.len(),
            left.files.len(),
        );
        cases(Group::Soak, usize::try_from(sessions).unwrap());
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("target/soak.txt"), report).unwrap();
    });
}

/// All have their greeting before the first one goes on, and there is a bridge for each.
fn burst(machine: &Machine, xinetd: Xinetd, first: u64) {
    let together = Barrier::new(usize::try_from(AT_ONCE).unwrap() + 1);
    let bridges = thread::scope(|scope| {
        for seed in first..first + AT_ONCE {
            let together = &together;
            // xinetd has a queue of 64. If that is full and the kernel has answered with a cookie, a client believes
            // that it is connected, and because it waits for a greeting, nothing is ever sent.
            until(PATIENCE, "xinetd has taken what came before", || accept_queue() < 32);
            let mut client = machine.client();
            scope.spawn(move || {
                client.set_read_timeout(Some(LIMIT)).unwrap();
                let greeting = client.line();
                // All have it; the bridges are counted.
                together.wait();
                together.wait();
                assert_eq!(greeting, GREETING, "session {seed}");
                talk(client, seed);
            });
        }
        together.wait();
        let bridges = xinetd.children().len();
        together.wait();
        bridges
    });
    assert_eq!(bridges as u64, AT_ONCE);
}

/// What a session may leave behind, each thing by its name.
#[derive(Debug, PartialEq)]
struct Left {
    /// Of xinetd.
    descriptors: Vec<String>,
    /// Of xinetd, zombies too.
    children: Vec<String>,
    /// All of the machine and the test.
    processes: Vec<String>,
    /// All of the network, except those that listen and those that only wait for their time to pass.
    sockets: Vec<String>,
    files: Vec<String>,
}

#[derive(Clone, Copy)]
struct Xinetd {
    pid: u32,
}

impl Xinetd {
    /// The one in our network.
    fn find() -> Xinetd {
        let found = ours().into_iter().find(|(_, name)| name == "xinetd");
        Xinetd { pid: found.expect("an xinetd").0 }
    }

    fn left(self, machine: &Machine) -> Left {
        let fd = |entry: fs::DirEntry| fs::read_link(entry.path()).map(|target| target.display().to_string());
        let descriptors = fs::read_dir(format!("/proc/{}/fd", self.pid)).unwrap().flatten().flat_map(fd).collect();
        let files =
            machine.sh("find /tmp /run -xdev -path '/tmp/*/etc' -prune -o -print").lines().map(str::to_owned).collect();
        Left {
            descriptors: sorted(descriptors),
            children: self.children().into_iter().map(doing).collect(),
            processes: sorted(ours().into_iter().map(|(_, name)| name).collect()),
            sockets: sockets(),
            files: sorted(files),
        }
    }

    /// The same as soon as it is as it was before, or what there is if that takes too long.
    fn settled(self, machine: &Machine, before: &Left) -> Left {
        let start = Instant::now();
        loop {
            let left = self.left(machine);
            if left == *before || start.elapsed() > PATIENCE {
                return left;
            }
            // The pace of the looks.
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn children(self) -> Vec<u32> {
        processes().filter(|pid| field(*pid, "PPid:").is_some_and(|parent| parent == self.pid.to_string())).collect()
    }

    fn memory(self) -> u64 {
        kib(self.pid, "VmRSS:")
    }

    /// The most memory that any bridge has had, in KiB, seen every 50 ms for as long as the caller keeps the result.
    fn watch(self) -> Arc<AtomicU64> {
        let most = Arc::new(AtomicU64::new(0));
        let weak = Arc::downgrade(&most);
        thread::spawn(move || {
            while let Some(most) = weak.upgrade() {
                self.children().into_iter().for_each(|pid| {
                    most.fetch_max(kib(pid, "VmHWM:"), Ordering::Relaxed);
                });
                // The pace of the looks.
                thread::sleep(Duration::from_millis(50));
            }
        });
        most
    }
}

/// A field of /proc/PID/status; none when the process is gone.
fn field(pid: u32, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
}

/// 0 for a zombie, which has none.
fn kib(pid: u32, name: &str) -> u64 {
    let size = field(pid, name).unwrap_or_default();
    size.split(' ').next().and_then(|size| size.parse().ok()).unwrap_or_default()
}

fn processes() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The processes in the test's own network, and their names.
fn ours() -> Vec<(u32, String)> {
    let network = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
    let ours = network("self");
    let here = processes().filter(|pid| network(&pid.to_string()) == ours);
    here.filter_map(|pid| Some((pid, field(pid, "Name:")?))).collect()
}

/// How many connections wait for xinetd.
fn accept_queue() -> u64 {
    let table = fs::read_to_string("/proc/self/net/tcp").unwrap();
    // As in `machine::listening`; what a listening socket has for octets unread is connections.
    let line = table.lines().find(|line| line.contains(" 0100007F:09DD 00000000:0000 0A ")).expect("xinetd listens");
    let unread = line.split_whitespace().nth(4).and_then(|queues| queues.split_once(':')).expect("two queues").1;
    u64::from_str_radix(unread, 16).expect("a number")
}

fn sockets() -> Vec<String> {
    let table = |name: &str| fs::read_to_string(format!("/proc/self/net/{name}")).unwrap();
    let mut sockets = Vec::new();
    for line in [table("tcp"), table("tcp6")].iter().flat_map(|table| table.lines().skip(1)) {
        // proc_net_tcp in the kernel's documentation: number, local, remote, state. 06 is TIME_WAIT, 0A is LISTEN.
        let fields: Vec<&str> = line.split_whitespace().skip(1).take(3).collect();
        if !["06", "0A"].contains(&fields[2]) {
            sockets.push(fields.join(" "));
        }
    }
    for line in table("unix").lines().skip(1) {
        // proc(5): address, references, protocol, flags, type, state, inode, path.
        let fields: Vec<&str> = line.split_whitespace().collect();
        sockets.push(format!("unix {} {}", fields[4], fields.get(7).unwrap_or(&"")));
    }
    sorted(sockets)
}

fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort();
    list
}

/// An empty /tmp, where the files of other tests do not come and go; what we run from stays in its place.
fn own_tmp() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).display();
    sh(&format!(
        "mount -t tmpfs tmpfs /mnt
        mkdir /mnt/here
        mount --bind '{here}' /mnt/here
        mount -t tmpfs tmpfs /tmp
        mkdir -p '{here}'
        mount --bind /mnt/here '{here}'
        chmod 1777 /tmp"
    ));
}
