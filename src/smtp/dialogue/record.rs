//! What the log and `--require-auth` want to know of the replies: logins, messages, the last refusal.

use super::Owed;
use crate::smtp::reply::{is_keyword, Code};

#[derive(Default)]
pub struct Record {
    login: Login,
    /// Whether a reply to EHLO had AUTH; None: there was none.
    offers_auth: Option<bool>,
    mails: u64,
    refusal: Option<Refusal>,
}

/// How the client's login stands.
#[derive(Default, PartialEq, Eq)]
enum Login {
    #[default]
    NotTried,
    /// The last line of an answer other than 235.
    Refused(Vec<u8>),
    Done,
}

/// The last reply of 4yz or 5yz to a mail or a login.
struct Refusal {
    /// Invariant: at most 200 octets (`Replies::text`), and never the client's.
    line: Vec<u8>,
    of_login: bool,
    /// No MAIL was accepted since: a refusal may follow from this one.
    stands: bool,
}

/// Why a MAIL did not go up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unauthenticated {
    pub reason: Vec<u8>,
    /// For the log: sendmail's mailq shows 60 characters of a reply, too few for it.
    pub cure: &'static str,
    /// The last login was answered 4yz.
    pub temporary: bool,
}

/// What the smarthost made of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Messages that it accepted.
    pub mails: u64,
    /// The last line of its last refusal of a mail, or of a login that did not succeed later; not what follows from one.
    pub refused: Option<Vec<u8>>,
}

impl Record {
    /// A line of the reply to EHLO.
    pub fn offer(&mut self, line: &[u8]) {
        let auth = line.get(4..).is_some_and(|text| is_keyword(text, "AUTH"));
        self.offers_auth = Some(auth || self.offers_auth == Some(true));
    }

    /// A reply is complete, and `line` is its last.
    pub fn judge(&mut self, owed: Owed, code: Code, line: &[u8]) {
        let of_login = matches!(owed, Owed::Auth { .. });
        let of_mail =
            matches!(owed, Owed::Mail | Owed::Rcpt | Owed::Data { .. } | Owed::Text | Owed::Chunk | Owed::LastChunk);
        if let (Owed::Mail, 2, Some(refusal)) = (owed, code.class(), &mut self.refusal) {
            refusal.stands = false;
        }
        if code.is_refusal() && (of_login || of_mail && !self.follows(line)) {
            self.refusal = Some(Refusal { line: line.to_vec(), of_login, stands: true });
        }
        if of_login && code == Code::AUTHENTICATED {
            self.login = Login::Done;
            self.refusal.take_if(|refusal| refusal.of_login);
        } else if of_login && code.class() != 3 && self.login != Login::Done {
            self.login = Login::Refused(line.to_vec());
        }
        if matches!(owed, Owed::Text | Owed::LastChunk) && code.class() == 2 && !code.is_goodbye() {
            self.mails += 1;
        }
    }

    /// Whether it follows from the last refusal, and would hide what was wrong. A client that pipelines says RCPT and DATA
    /// behind a refused sender or recipient all the same: 503, or 554 5.5.1 (a command out of its turn, RFC 3463). And one that
    /// may go on without its login reads 530.
    fn follows(&self, line: &[u8]) -> bool {
        let Some(refusal) = self.refusal.as_ref().filter(|refusal| refusal.stands) else { return false };
        line.starts_with(b"503") || line.get(4..9) == Some(b"5.5.1") || refusal.of_login && line.starts_with(b"530")
    }

    pub fn is_logged_in(&self) -> bool {
        self.login == Login::Done
    }

    /// The last login was answered 4yz.
    pub fn is_put_off(&self) -> bool {
        matches!(&self.login, Login::Refused(line) if line.starts_with(b"4"))
    }

    pub fn unauthenticated(&self) -> Unauthenticated {
        let temporary = self.is_put_off();
        let (reason, cure) = match (&self.login, self.offers_auth) {
            (Login::Refused(line), _) => {
                let cure = if temporary {
                    "the client keeps its mail and tries again"
                } else {
                    "check the client's user name and password; each try with a wrong one is a failed login"
                };
                ([b"login refused: ", line.as_slice()].concat(), cure)
            }
            (_, Some(false)) => (
                b"not logged in: it offers no AUTH".to_vec(),
                "leave --require-auth out if it knows this machine by its address or by --cert",
            ),
            (_, _) => (
                b"not logged in: no password given".to_vec(),
                "give the client the user name and password of its account there",
            ),
        };
        Unauthenticated { reason, cure, temporary }
    }

    pub fn account(&self) -> Account {
        Account { mails: self.mails, refused: self.refusal.as_ref().map(|refusal| refusal.line.clone()) }
    }
}
