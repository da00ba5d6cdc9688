//! When rights go: before the first octet of the network and before any thread, after the files are read.

use crate::support::bridge::House;
use crate::support::limit::{within, without_root, USUAL};
use crate::support::namespace::without_tool;
use crate::support::outcome::{carried, good};

/// Goal: the order of the system calls is the order of the promises.
#[test]
fn rights_are_dropped_before_the_first_connect_and_before_any_thread() {
    if without_root() || without_tool("strace") {
        return;
    }
    within(USUAL, || {
        let house = House::new();
        let peer = good(&house.leaf);
        let trace = house.dir.path("trace");
        let calls = "openat,setgroups,setresgid,setresuid,prctl,prlimit64,socket,connect,clone,clone3,execve";
        let strace = format!("exec strace -f -e trace={calls} -o {} \"$0\" \"$@\";", trace.display());
        // A name: its lookup is the first thread.
        let host = format!("localhost:{}", peer.addr.port());
        let (bridge, client) = house.bridge(host).arg("-4").under_shell(&strace, "").socket();
        carried(bridge, client);
        peer.done();

        let trace = std::fs::read_to_string(trace).unwrap();
        let first = |what: &str, marks: &[&str]| {
            let found = trace.lines().position(|line| marks.iter().all(|mark| line.contains(mark)));
            found.unwrap_or_else(|| panic!("no {what} in:\n{trace}"))
        };
        let order = [
            first("CA file", &["ca.pem"]),
            first("setgroups", &["setgroups(", "= 0"]),
            first("setresgid", &["setresgid(65534, 65534, 65534)", "= 0"]),
            first("setresuid", &["setresuid(65534, 65534, 65534)", "= 0"]),
            first("core limit", &["RLIMIT_CORE", "rlim_max=0"]),
            first("dumpable", &["PR_SET_DUMPABLE", "SUID_DUMP_DISABLE"]),
            first("thread", &["clone"]),
            first("connect", &["connect(", "AF_INET"]),
        ];
        assert!(order.is_sorted(), "{order:?}:\n{trace}");
        let socket = first("socket", &["socket(AF_INET"]);
        assert!(socket > order[3], "a socket of the network was opened with root's rights:\n{trace}");
    });
}
