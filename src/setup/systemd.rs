//! systemd: a socket, a service for one connection, and the service's user; quoting as in systemd.syntax(7).

use crate::error::Error;

use super::quote::{is_plain, one_line, quoted, refused, shown, SIGNS};
use super::Fill;

pub fn socket(fill: &Fill) -> Result<String, Error> {
    let (listen, reach, proof) = (fill.listen, fill.reach(), fill.proof());
    Ok(format!(
        r"# smtps-bridge under systemd: the port. One instance of smtps-bridge@.service serves one connection.
# Save this file as /etc/systemd/system/smtps-bridge.socket, the service as /etc/systemd/system/smtps-bridge@.service, and the
# user as /etc/sysusers.d/smtps-bridge.conf. Then, as root:
# systemd-sysusers && systemctl daemon-reload && systemctl enable --now smtps-bridge.socket
# {proof}
# The log: journalctl -t smtps-bridge

[Unit]
Description=Plain SMTP to a smarthost over TLS
Documentation=man:smtps-bridge(8)

[Socket]
# {reach}
ListenStream={listen}
# systemd accepts, and starts one process per connection, as inetd does. Without this the bridge would get the listening
# socket, and say so.
Accept=yes
# At most so many sessions at once, about ten times what an MTA on this machine opens; the next one is closed without
# a greeting, and the MTA tries again later. There is no MaxConnectionsPerSource=: a mail
# program's connections all come from one address.
MaxConnections=100
# Off. By default the socket fails for good after 200 connections in 2 seconds: a queue flushed at once, or an MTA that
# tries again while the smarthost is down, would stop all mail until someone looks.
TriggerLimitIntervalSec=0

[Install]
WantedBy=sockets.target
"
    ))
}

pub fn sysusers(_: &Fill) -> Result<String, Error> {
    Ok(r#"# The user that smtps-bridge@.service runs as. Save this file as /etc/sysusers.d/smtps-bridge.conf; then, as root:
# systemd-sysusers
u smtps-bridge - "SMTP to TLS bridge"
"#
    .to_owned())
}

pub fn service(fill: &Fill) -> Result<String, Error> {
    let (command, rights, homes) = (command(fill)?, rights(fill)?, homes(fill));
    let (notes, login) = (fill.comments(), fill.require_auth("# "));
    Ok(format!(
        r#"# smtps-bridge under systemd: one connection. Save this file as /etc/systemd/system/smtps-bridge@.service; for the rest,
# and the command that starts it, see smtps-bridge.socket.

[Unit]
Description=SMTP session to a smarthost over TLS
Documentation=man:smtps-bridge(8)
# A session that failed is in the log. If each were kept as a failed unit as well, hundreds of them would pile up while the
# smarthost is down.
CollectMode=inactive-or-failed

[Service]
# "-": an exit code above 0 tells a person or a script why there was no session. To systemd it is no failure of the
# service.
{login}ExecStart=-{command}
# The client on descriptors 0 and 1, and never on 2.
StandardInput=socket
StandardOutput=inherit
StandardError=journal
{rights}
# The bridge never needs new rights by executing a file or by set-user-ID, other kinds of sockets, real-time scheduling,
# namespaces, or memory that is written and then executed. The kernel checks these rules at each call.
NoNewPrivileges=yes
CapabilityBoundingSet=
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictSUIDSGID=yes
RestrictRealtime=yes
RestrictNamespaces=yes
MemoryDenyWriteExecute=yes
LockPersonality=yes
ProtectHostname=yes
ProtectClock=yes
DevicePolicy=closed
# A system call that is not on the list fails, and the process goes on. With Landlock the bridge gives up files by itself;
# it is on none of systemd's lists yet. The first line makes the filter half as long.
SystemCallArchitectures=native
SystemCallFilter=@system-service landlock_create_ruleset landlock_add_rule landlock_restrict_self
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
# A view of the file system of its own: nothing can be written, homes are empty, and other processes cannot be seen. Landlock
# does the same from the bridge's first connection on; this is the wall around its start.
# The price: systemd builds the view for each session. A short session takes 9 ms of processor time without any of these
# walls, 16 ms with those above, and 29 ms with these too, systemd's own part included (two cores, systemd 252). If your
# sessions are many and short, take out the lines from here to ProcSubset=.
ProtectSystem=strict
ProtectHome={homes}
PrivateMounts=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectProc=invisible
ProcSubset=pid
# Left out: ProtectKernelTunables= (10 ms more for files that only root may write), PrivateTmp= (makes and removes two
# directories per session that nothing uses), PrivateUsers= (no session if user namespaces are turned off), PrivateDevices=
# (no log if /dev/log is not journald's), IPAddressDeny= (the smarthost's addresses are not known here).
# A session leaves nothing behind: no core dump, no shared memory, no file that others can read.
LimitCORE=0
RemoveIPC=yes
UMask=0077
{notes}"#
    ))
}

/// The command of ExecStart=. Its `--user` is the unit's too, so that it changes nothing; `root` must be said, or the bridge
/// would look for another user, which it has no right to become. The key is what systemd has read.
fn command(fill: &Fill) -> Result<String, Error> {
    if fill.program.contains('$') {
        return refused(format!(
            "{}: systemd takes no $ in a program's path; install it elsewhere",
            shown(fill.program)
        ));
    }
    let fill = fill.with("--log", Some("syslog"));
    let key = fill.value("--key");
    let mut words = vec![quoted(fill.program, quotes)?];
    for word in fill.words() {
        words.push(if key == Some(word) { KEY.to_owned() } else { quoted(word, quotes)? });
    }
    Ok(words.join(" "))
}

/// Not %d, which systemd knows only from version 250 on.
const KEY: &str = "${CREDENTIALS_DIRECTORY}/key";

fn quotes(word: &str) -> String {
    let word = word.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", word.replace('%', "%%").replace('$', "$$"))
}

/// The credential is root's file in the hands of the service's user: no root in the bridge.
fn rights(fill: &Fill) -> Result<String, Error> {
    let mut lines = match fill.value("--user").map(|user| user.split_once(':').ok_or(user)) {
        None => "# A user that nothing else runs as, so that nothing else can look into a session.\nUser=smtps-bridge"
            .to_owned(),
        Some(Ok((uid, gid))) => format!("User={uid}\nGroup={gid}"),
        Some(Err(user)) if is_plain(user, SIGNS) => format!("User={user}"),
        Some(Err(user)) => return refused(format!("--user {}: not a name that systemd takes", shown(user))),
    };
    if let Some(key) = fill.value("--key") {
        // No quotes here: systemd takes what stands behind the colon, without blanks at its end.
        one_line(key)?;
        if key.ends_with(['\\', ' ']) {
            return refused(format!("--key {}: systemd takes no file whose name ends so; rename it", shown(key)));
        }
        lines
            .push_str("\n# The key stays root's, mode 0600: systemd reads it and hands a copy to the service alone.\n");
        lines.push_str(&format!("LoadCredential=key:{}", key.replace('%', "%%")));
    }
    Ok(lines)
}

/// ProtectHome=yes leaves nothing to read in homes (systemd.exec(5)). The key is read outside of the service.
fn homes(fill: &Fill) -> &'static str {
    let at_home = |path: &str| ["/home/", "/root/", "/run/user/"].iter().any(|home| path.starts_with(home));
    if ["--ca-file", "--cert"].into_iter().filter_map(|option| fill.value(option)).any(at_home) {
        return "read-only";
    }
    "yes"
}
