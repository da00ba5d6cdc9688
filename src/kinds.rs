//! The kinds of `--print-config`: one table behind the parser, the list, the printed lines and the tests. The texts are
//! the files under packaging/, compiled in; each is valid as it is shipped, with the words of `example` in it.

/// A word of the command line: a kind, one file of it, or the list.
#[derive(Clone, Copy)]
pub enum Wanted {
    List,
    /// What this machine has.
    Found,
    All(&'static Kind),
    One(&'static Shipped),
}

pub struct Kind {
    pub name: &'static str,
    pub help: &'static str,
    pub role: Role,
    pub files: &'static [Shipped],
    /// One of these files tells that it is installed; empty where nothing does.
    pub signs: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Superserver,
    MailProgram,
}

pub struct Shipped {
    /// `systemd.socket`; empty for the only file of a kind.
    pub name: &'static str,
    /// Below packaging/.
    pub source: &'static str,
    /// Where it goes.
    pub target: &'static str,
    pub text: &'static str,
    pub syntax: Syntax,
    /// What changes in the text when the bridge is to start as root.
    pub as_root: &'static [(&'static str, &'static str)],
}

/// How the target reads a word of the bridge's command line, and a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// Split at spaces, no quotes, and at most 20 words.
    Inetd,
    /// Split at spaces, no quotes.
    Xinetd,
    /// systemd.syntax(7), and `%` and `$` of ExecStart=.
    Systemd,
    /// sh(1).
    Shell,
    /// An argument between ' and ' in sh(1), which a program splits at spaces.
    Pipe,
    /// A property list: XML, one element a word.
    Plist,
    /// m4 of sendmail: no word of the bridge's command line stands there.
    M4,
}

/// The words in the shipped files that are replaced.
pub mod example {
    pub const PROGRAM: &str = "/usr/bin/smtps-bridge";
    pub const HOST: &str = "smtp.example.com";
    pub const ADDRESS: &str = "127.0.0.1";
    pub const PORT: &str = "2525";
}

/// `list`, the name of a kind, or that of one of its files.
pub fn find(word: &str) -> Option<Wanted> {
    if word == LIST {
        return Some(Wanted::List);
    }
    KINDS.iter().find_map(|kind| match kind.name == word {
        true => Some(Wanted::All(kind)),
        false => kind.files.iter().find(|file| file.name == word && !word.is_empty()).map(Wanted::One),
    })
}

pub const LIST: &str = "list";

macro_rules! shipped {
    ($name:literal, $source:literal, $target:literal, $syntax:ident, $as_root:expr) => {
        Shipped {
            name: $name,
            source: $source,
            target: $target,
            text: include_str!(concat!("../packaging/", $source)),
            syntax: Syntax::$syntax,
            as_root: $as_root,
        }
    };
}

/// Superservers in the order in which a machine is searched for them: systemd last, because where an inetd was
/// installed, somebody wanted it; FreeBSD and macOS, which have /usr/sbin/inetd too, before the others.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "xinetd",
        help: "a file for /etc/xinetd.d",
        role: Role::Superserver,
        files: &[shipped!("", "xinetd/smtps-bridge", "/etc/xinetd.d/smtps-bridge", Xinetd, XINETD_AS_ROOT)],
        signs: &["/usr/sbin/xinetd", "/usr/local/sbin/xinetd"],
    },
    Kind {
        name: "inetd-freebsd",
        help: "a line for FreeBSD's inetd, and one for /etc/services",
        role: Role::Superserver,
        files: &[shipped!("", "inetd/freebsd.conf", "/etc/inetd.conf", Inetd, INETD_AS_ROOT)],
        signs: &["/bin/freebsd-version"],
    },
    Kind {
        name: "launchd",
        help: "a property list for macOS",
        role: Role::Superserver,
        files: &[shipped!(
            "",
            "launchd/smtps-bridge.plist",
            "/Library/LaunchDaemons/smtps-bridge.plist",
            Plist,
            LAUNCHD_AS_ROOT
        )],
        signs: &["/System/Library/LaunchDaemons"],
    },
    Kind {
        name: "inetd-debian",
        help: "a line for openbsd-inetd or inetutils-inetd",
        role: Role::Superserver,
        files: &[shipped!("", "inetd/debian.conf", "/etc/inetd.conf", Inetd, INETD_AS_ROOT)],
        signs: &["/usr/sbin/inetd", "/usr/sbin/inetutils-inetd"],
    },
    Kind {
        name: "tcpserver",
        help: "a run script for ucspi-tcp, with daemontools or runit",
        role: Role::Superserver,
        files: &[shipped!("", "tcpserver/run", "/etc/smtps-bridge/run", Shell, TCPSERVER_AS_ROOT)],
        signs: &[],
    },
    Kind {
        name: "s6",
        help: "a run script for s6-tcpserver",
        role: Role::Superserver,
        files: &[shipped!("", "s6/run", "/etc/smtps-bridge/run", Shell, S6_AS_ROOT)],
        signs: &[],
    },
    Kind {
        name: "systemd",
        help: "a socket, a service and their user",
        role: Role::Superserver,
        files: &[
            shipped!(
                "systemd.socket",
                "systemd/smtps-bridge.socket",
                "/etc/systemd/system/smtps-bridge.socket",
                Systemd,
                &[]
            ),
            shipped!(
                "systemd.service",
                "systemd/smtps-bridge@.service",
                "/etc/systemd/system/smtps-bridge@.service",
                Systemd,
                &[]
            ),
            shipped!(
                "systemd.sysusers",
                "systemd/smtps-bridge.sysusers.conf",
                "/etc/sysusers.d/smtps-bridge.conf",
                Systemd,
                &[]
            ),
        ],
        signs: &["/run/systemd/system"],
    },
    Kind {
        name: "sendmail",
        help: "lines for sendmail.mc: sendmail starts the bridge",
        role: Role::MailProgram,
        files: &[shipped!("", "mta/sendmail.mailer.mc", "/etc/mail/sendmail.mc", M4, &[])],
        signs: &["/etc/mail/sendmail.cf"],
    },
    Kind {
        name: "sendmail-port",
        help: "lines for sendmail.mc, through a superserver's port",
        role: Role::MailProgram,
        files: &[shipped!("", "mta/sendmail.port.mc", "/etc/mail/sendmail.mc", M4, &[])],
        signs: &[],
    },
    Kind {
        name: "postfix",
        help: "lines for main.cf and master.cf",
        role: Role::MailProgram,
        files: &[
            shipped!("postfix.main", "mta/postfix.main.cf", "/etc/postfix/main.cf", Shell, &[]),
            shipped!("postfix.master", "mta/postfix.master.cf", "/etc/postfix/master.cf", Shell, &[]),
        ],
        signs: &["/etc/postfix/main.cf"],
    },
    Kind {
        name: "exim",
        help: "a router and a transport, in Debian's files or in your own",
        role: Role::MailProgram,
        files: &[
            shipped!("exim.main", "mta/exim.main", "/etc/exim4/conf.d/main/00_smtps-bridge", Shell, &[]),
            shipped!("exim.router", "mta/exim.router", "/etc/exim4/conf.d/router/170_smtps-bridge", Shell, &[]),
            shipped!("exim.transport", "mta/exim.transport", "/etc/exim4/conf.d/transport/30_smtps-bridge", Shell, &[]),
        ],
        signs: &["/usr/sbin/exim4", "/usr/sbin/exim"],
    },
    Kind {
        name: "opensmtpd",
        help: "its own implicit TLS, and why not the bridge",
        role: Role::MailProgram,
        files: &[shipped!("", "mta/opensmtpd.conf", "/etc/smtpd.conf", Shell, &[])],
        signs: &["/usr/sbin/smtpctl"],
    },
    Kind {
        name: "nullmailer",
        help: "a line for remotes",
        role: Role::MailProgram,
        files: &[shipped!("", "mta/nullmailer.remotes", "/etc/nullmailer/remotes", Shell, &[])],
        signs: &["/usr/sbin/nullmailer-send"],
    },
    Kind {
        name: "dma",
        help: "lines for dma.conf",
        role: Role::MailProgram,
        files: &[shipped!("", "mta/dma.conf", "/etc/dma/dma.conf", Shell, &[])],
        signs: &["/usr/sbin/dma"],
    },
    Kind {
        name: "msmtp",
        help: "an account for msmtprc",
        role: Role::MailProgram,
        files: &[shipped!("", "mta/msmtprc", "/etc/msmtprc", Shell, &[])],
        signs: &["/usr/bin/msmtp"],
    },
    Kind {
        name: "busybox",
        help: "a script for its sendmail, without a port",
        role: Role::MailProgram,
        files: &[shipped!("", "mta/busybox", "a script of yours", Pipe, &[])],
        signs: &[],
    },
    Kind {
        name: "swaks",
        help: "a test message, without a port",
        role: Role::MailProgram,
        files: &[shipped!("", "mta/swaks", "a script of yours", Pipe, &[])],
        signs: &[],
    },
];

const XINETD_AS_ROOT: &[(&str, &str)] = &[(
    "	# The bridge needs no rights and no files of its own.\n	user            = nobody\n",
    "	# The bridge starts as root, reads its files, and then drops root by itself, for nobody or its --user.\n	\
     user            = root\n",
)];

const INETD_AS_ROOT: &[(&str, &str)] = &[
    (
        "# nobody       the bridge needs no rights and no files of its own\n",
        "# root         the bridge reads its files, and then drops root by itself, for nobody or its --user\n",
    ),
    (" nobody /", " root /"),
];

const LAUNCHD_AS_ROOT: &[(&str, &str)] = &[
    (
        "The bridge needs no rights and no files of its own.",
        "The bridge starts as root, reads its files, and then drops root by itself.",
    ),
    ("<string>nobody</string>", "<string>root</string>"),
];

const TCPSERVER_AS_ROOT: &[(&str, &str)] = &[
    (
        "# -u -g        nobody: the bridge needs no rights and no files of its own\n",
        "# no -u        the bridge reads its files as root, and then drops root by itself, for nobody or its --user\n",
    ),
    (" -u \"$(id -u nobody)\" -g \"$(id -g nobody)\"", ""),
];

const S6_AS_ROOT: &[(&str, &str)] = &[
    (
        "# -U           nobody: the bridge needs no rights and no files of its own\n",
        "# no -U        the bridge reads its files as root, and then drops root by itself, for nobody or its --user\n",
    ),
    ("s6-envuidgid nobody s6-tcpserver -U ", "s6-tcpserver "),
];
