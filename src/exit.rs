//! Exit codes: those of sysexits(3), one meaning each. The manual's EXIT STATUS table is compared with `ALL` by a test.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Ok = 0,
    Usage = 64,
    Unavailable = 69,
    Software = 70,
    OsError = 71,
    IoError = 74,
    TempFail = 75,
    Protocol = 76,
    NoPermission = 77,
    Config = 78,
}

impl Exit {
    /// Every code there is, with the words of the manual.
    pub const ALL: [(Exit, &'static str); 10] = [
        (Exit::Ok, "the session ended cleanly"),
        (Exit::Usage, "the command line is wrong"),
        (Exit::Unavailable, "the smarthost's certificate is refused"),
        (Exit::Software, "a bug in smtps-bridge (panic)"),
        (Exit::OsError, "out of descriptors or threads, or rights could not be dropped"),
        (Exit::IoError, "the session broke off: reset, idle, or the client went away"),
        (Exit::TempFail, "no session, for a cause that is usually temporary; or SIGTERM"),
        (Exit::Protocol, "TLS failed, or the smarthost ended where it should not"),
        (Exit::NoPermission, "the client's address is refused"),
        (Exit::Config, "the configuration: a file, user, name, descriptor, or how the client is set up"),
    ];

    pub fn code(self) -> i32 {
        i32::from(self as u8)
    }
}
