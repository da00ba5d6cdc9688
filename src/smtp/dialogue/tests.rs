//! Tables of dialogues, and where each leaves the session.

use super::*;

use Say::{C, S};

/// The client says it, or the server does and it is delivered.
#[derive(Clone, Copy, Debug)]
enum Say {
    C(&'static str),
    S(&'static str),
}

const SETTLED: Standing = Standing::Settled { inside: false };
const INSIDE: Standing = Standing::Settled { inside: true };
const OWED: Standing = Standing::Owed;
const LEAVING: Standing = Standing::Leaving;
const UNKNOWN: Standing = Standing::Unknown { lone_dot: false };
const LONE_DOT: Standing = Standing::Unknown { lone_dot: true };

fn begun(rules: Rules) -> Dialogue {
    let mut dialogue = Dialogue::new(rules);
    dialogue.delivered();
    dialogue
}

/// What comes of a dialogue, whole and octet by octet.
fn follow<T: PartialEq + std::fmt::Debug>(rules: Rules, said: &[Say], tell: impl Fn(&mut Dialogue) -> T) -> T {
    let [whole, cut] = [usize::MAX, 1].map(|size| {
        let mut dialogue = begun(rules);
        for say in said {
            match say {
                C(words) => {
                    for piece in words.as_bytes().chunks(size) {
                        assert_eq!(dialogue.pass(piece), Pass { go: piece.len(), hold: Hold::Nothing }, "{said:?}");
                    }
                }
                S(words) => {
                    for piece in words.as_bytes().chunks(size) {
                        assert!(dialogue.received(piece), "{said:?}");
                        dialogue.delivered();
                    }
                }
            }
        }
        tell(&mut dialogue)
    });
    assert_eq!(whole, cut, "{said:?}");
    whole
}

fn standing(said: &[Say]) -> Standing {
    follow(Rules::Follow, said, Dialogue::standing)
}

fn check(table: &[(&[Say], Standing)]) {
    for (said, expected) in table {
        assert_eq!(standing(said), *expected, "{said:?}");
    }
}

#[test]
fn a_command_owes_one_reply() {
    check(&[
        (&[], SETTLED),
        (&[C("EHLO me\r\n")], OWED),
        (&[C("EHLO me\r\n"), S("250 ok\r\n")], SETTLED),
        (&[C("NOOP\n"), S("250 ok\n")], SETTLED),
        (&[C("NO")], SETTLED),
        (&[C("XYZZY\r\n"), S("500 what?\r\n")], SETTLED),
        (&[C("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"), S("250 ok\r\n")], OWED),
        (&[C("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"), S("250 ok\r\n550 no\r\n")], SETTLED),
        (&[C("DATA\r\n")], OWED),
        (&[C("DATA\r\n"), S("503 no\r\n")], SETTLED),
        (&[C("STARTTLS\r\n"), S("454 no\r\n"), C("XCLIENT NAME=me\r\n"), S("550 no\r\n")], SETTLED),
    ]);
}

#[test]
fn a_reply_is_owed_until_its_last_octet() {
    check(&[
        (&[C("EHLO me\r\n"), S("250-a\r\n")], OWED),
        (&[C("EHLO me\r\n"), S("250-a\r\n250")], OWED),
        (&[C("EHLO me\r\n"), S("250-a\r\n250\r\n")], SETTLED),
        (&[C("EHLO me\r\n"), S("250 a\r")], OWED),
        (&[S("4")], OWED),
        (&[C("NOOP\r\n"), S("250 ok\r\n42")], OWED),
    ]);
    let mut dialogue = begun(Rules::Follow);
    dialogue.pass(b"NOOP\r\n");
    assert!(dialogue.received(b"250 ok\r\n"));
    assert_eq!((dialogue.standing(), dialogue.is_complete()), (OWED, true));
    assert!(dialogue.delivered());
    assert_eq!(dialogue.standing(), SETTLED);
}

#[test]
fn each_line_of_an_exchange_owes_one() {
    const LOGIN: [Say; 2] = [C("AUTH LOGIN\r\n"), S("334 VXNlcg==\r\n")];
    let after = |more: &[Say]| standing(&[&LOGIN[..], more].concat());
    assert_eq!(after(&[]), SETTLED);
    assert_eq!(after(&[C("YQ==\r\n")]), OWED);
    assert_eq!(after(&[C("QUIT\n"), S("334 more\r\n")]), SETTLED);
    assert_eq!(after(&[C("\r\n"), S("235 ok\r\n"), C("QUIT\r\n")]), LEAVING);
    assert_eq!(after(&[C("*\r\n"), S("501 no\r\n"), C("NOOP\r\n"), S("250 ok\r\n")]), SETTLED);
}

#[test]
fn a_text_owes_one_once_its_end_was_seen() {
    check(&[
        (&[C("DATA\r\n"), S("354 go on\r\n")], INSIDE),
        (&[C("DATA\r\n"), S("354 go on\r\n"), C("text\r\nQUIT\r\n")], INSIDE),
        (&[C("DATA\r\n"), S("354 go on\r\n"), C("text\r\n.\r")], INSIDE),
        (&[C("DATA\r\n"), S("354 go on\r\n"), C("a\nb\r\n..\r\n.\r\n")], OWED),
        (&[C("DATA\r\n"), S("354 go on\r\n"), C(".\r\n")], OWED),
        (&[C("DATA\r\n"), S("354 go on\r\n"), C(".\r\n"), S("250 ok\r\n")], SETTLED),
        (&[C("DATA\r\n"), S("354 go on\r\n"), C("text\r\n.\r\nQUIT\r\n"), S("250 ok\r\n")], LEAVING),
    ]);
}

#[test]
fn a_chunk_owes_one_from_its_line_on() {
    check(&[
        // A bug that was: the reply to a chunk was waited for although its octets would never come.
        (&[C("BDAT 5\r\n")], INSIDE),
        (&[C("NOOP\r\nBDAT 5\r\nhe")], OWED),
        (&[C("NOOP\r\nBDAT 5\r\nhe"), S("250 ok\r\n")], INSIDE),
        (&[C("BDAT 5\r\n"), S("552 too big\r\n"), C("\r\n.\r")], INSIDE),
        (&[C("BDAT 5\r\n"), S("552 too big\r\n"), C("\r\n.\r\n")], SETTLED),
        (&[C("BDAT 5\r\nhelloBDAT 0 LAST\r\n"), S("250 ok\r\n")], OWED),
        (&[C("BDAT 5\r\nhelloBDAT 0 LAST\r\nQUIT\r\n"), S("250 ok\r\n250 ok\r\n")], LEAVING),
        (&[C("BDAT 6 LAST\r\nNOOP\r\n"), S("250 ok\r\n")], SETTLED),
        (&[C("BDAT 18446744073709551615\r\n"), S("250 ok\r\n"), C("x")], INSIDE),
    ]);
}

#[test]
fn nothing_is_owed_behind_the_end_of_the_server_or_quit() {
    check(&[
        (&[C("QUIT\r\n")], LEAVING),
        (&[C("QUIT\r\nNOOP\r\n\r\n.\r\n")], LEAVING),
        (&[C("NOOP\r\nQUIT\r\n")], OWED),
        (&[C("QUIT\r\n"), S("221 bye\r\n")], SETTLED),
        (&[C("NOOP\r\nNOOP\r\n"), S("421 going down\r\n")], SETTLED),
        (&[S("421-going\r\n421 down\r\n"), C("NOOP\r\nDATA\r\nx\r\n.\r\n")], SETTLED),
        (&[C("DATA\r\n"), S("354 go on\r\n"), C("text"), S("421 timeout\r\n")], SETTLED),
        (&[C("DATA\r\nscript\r\n.\r\n"), S("354 go on\r\n250 ok\r\n221 bye\r\n")], SETTLED),
    ]);
    for (said, goodbye) in [
        (&[S("221 bye\r\n")][..], true),
        (&[S("221-bye\r\n")], false),
        (&[S("421 bye\r\n2")], false),
        (&[S("421 bye\r\n"), S("250 ok\r\n")], false),
        (&[S("421 bye\r\n"), S("words\r\n")], false),
    ] {
        assert_eq!(follow(Rules::Follow, said, |dialogue| dialogue.is_goodbye()), goodbye, "{said:?}");
    }
}

#[test]
fn octets_behind_what_must_be_answered_first_are_unknown() {
    check(&[
        (&[C("DATA\r\ntext")], UNKNOWN),
        (&[C("DATA\r\ntext\r\n.\r\n")], LONE_DOT),
        (&[C("DATA\ntext\n.\nQUIT\n")], LONE_DOT),
        (&[C("AUTH LOGIN\r\nYQ==\r\n")], UNKNOWN),
        (&[C("STARTTLS\r\nEHLO me\r\n")], UNKNOWN),
        (&[C("AUTH LOGIN\r\n"), S("334 more\r\n"), C("YQ==\r\nYg==\r\n")], UNKNOWN),
    ]);
}

#[test]
fn what_servers_read_differently_is_unknown() {
    const TEXT: [Say; 2] = [C("DATA\r\n"), S("354 go on\r\n")];
    for dot in ["a\n.\n", "a\n.\r\n", "a\r\n.\n", "a\r.\r\n"] {
        assert!(matches!(standing(&[&TEXT[..], &[C(dot)]].concat()), Standing::Unknown { .. }), "{dot:?}");
    }
    check(&[
        (&[C("DATA\n"), S("354 go on\r\n"), C(".\r\n")], LONE_DOT),
        (&[C("\r\n")], UNKNOWN),
        (&[C("NOOP\r\n\n")], UNKNOWN),
        (&[C(" NOOP\r\n")], UNKNOWN),
        (&[C("BDAT x\r\n")], UNKNOWN),
        (&[C("BDAT 5 LAST x\r\n")], UNKNOWN),
    ]);
}

#[test]
fn replies_that_fit_nothing_are_unknown() {
    check(&[
        (&[S("250 ok\r\n")], UNKNOWN),
        (&[C("NOOP\r\n"), S("250 ok\r\n250 ok\r\n")], UNKNOWN),
        (&[C("DATA\r\n"), S("354 go on\r\n"), C("text\r\n"), S("552 too big\r\n")], UNKNOWN),
        (&[C("NOOP\r\n"), S("hello\r\n")], UNKNOWN),
        (&[C("NOOP\r\n"), S("\r\n")], UNKNOWN),
        (&[C("NOOP\r\n"), S("2500 ok\r\n")], UNKNOWN),
        (&[C("NOOP\r\n"), S("250 o\0k\r\n")], UNKNOWN),
        (&[C("NOOP\r\n"), S("250-ok\r\n550 no\r\n")], UNKNOWN),
        (&[C("NOOP\r\n"), S("354 go on\r\n")], UNKNOWN),
        (&[C("MAIL FROM:<a@b>\r\n"), S("334 more\r\n")], UNKNOWN),
        (&[C("DATA\r\n"), S("354 go on\r\n"), C(".\r\n"), S("353 PRDR\r\n")], LONE_DOT),
    ]);
}

#[test]
fn what_makes_another_session_of_this_one_is_unknown() {
    check(&[
        (&[C("STARTTLS\r\n"), S("220 go on\r\n")], UNKNOWN),
        (&[C("XCLIENT NAME=me\r\n"), S("220 again\r\n")], UNKNOWN),
        (&[C("ATRN\r\n"), S("250 turning\r\n")], UNKNOWN),
        (&[C("TURN\r\n"), S("250 turning\r\n")], UNKNOWN),
        (&[C("AUTH GSSAPI\r\n"), S("235 ok\r\n")], UNKNOWN),
        (&[C("AUTH GSSAPI\r\n"), S("535 no\r\n")], SETTLED),
    ]);
}

#[test]
fn more_is_owed_than_is_counted() {
    let mut dialogue = begun(Rules::Follow);
    dialogue.pass(&b"NOOP\r\n".repeat(MOST_OWED));
    assert_eq!((dialogue.standing(), dialogue.owed.len()), (OWED, MOST_OWED));
    dialogue.pass(b"NOOP\r\n");
    assert_eq!((dialogue.standing(), dialogue.owed.len()), (UNKNOWN, 0));
}

/// The server's answer to the client's end may be one that no one asked for.
#[test]
fn after_the_end_was_passed_on_nothing_surprises() {
    let mut dialogue = begun(Rules::Follow);
    dialogue.pass(b"DATA\r\n");
    dialogue.received(b"354 go on\r\n");
    dialogue.delivered();
    dialogue.client_ended();
    dialogue.received(b"451 incomplete\r\n");
    dialogue.delivered();
    assert!(dialogue.is_known());
}

#[test]
fn a_message_that_is_not_answered_is_told_from_others() {
    const TEXT: [Say; 3] = [C("DATA\r\n"), S("354 go on\r\n"), C(".\r\n")];
    let owes = |said: &[Say]| follow(Rules::Follow, said, Dialogue::owes_for_a_message);
    assert!(owes(&TEXT) && owes(&[C("BDAT 5\r\nhello")]) && owes(&[C("BDAT 5 LAST\r\nhelloQUIT\r\n")]));
    assert!(!owes(&TEXT[..2]) && !owes(&[C("MAIL FROM:<a@b>\r\n")]) && !owes(&[C("QUIT\r\n")]));
    assert!(!owes(&[&TEXT[..], &[S("250 ok\r\n"), C("QUIT\r\n")]].concat()));
}

#[test]
fn the_account_has_mails_and_the_last_refusal() {
    let account = |said: &[Say]| follow(Rules::Follow, said, |dialogue| dialogue.account());
    let told = |mails, refused: Option<&str>| Some(Account { mails, refused: refused.map(Into::into) });
    const TEXT: &[Say] = &[C("DATA\r\n"), S("354 go on\r\n"), C(".\r\n"), S("250 ok\r\n")];
    assert_eq!(account(&[C("EHLO me\r\n"), S("502 no\r\n")]), told(0, None));
    assert_eq!(account(TEXT), told(1, None));
    assert_eq!(account(&[TEXT, &[C("BDAT 1\r\naBDAT 0 LAST\r\n"), S("250 ok\r\n250 ok\r\n")]].concat()), told(2, None));
    assert_eq!(account(&[C("RCPT TO:<c@d>\r\n"), S("550-a\r\n550 b\r\n")]), told(0, Some("550 b")));
    const MAIL: &[Say] = &[C("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n")];
    for (replies, refused) in [
        ("553 whose?\r\n503 no sender\r\n503 no sender\r\n", "553 whose?"),
        ("250 ok\r\n550 who?\r\n554 5.5.1 no valid recipients\r\n", "550 who?"),
        ("250 ok\r\n250 ok\r\n452 full\r\n", "452 full"),
    ] {
        assert_eq!(account(&[MAIL, &[S(replies)]].concat()), told(0, Some(refused)));
    }
    // What is refused in the next mail does not follow from the one before.
    let next =
        &[S("250 ok\r\n550 who?\r\n354 go on\r\n"), C(".\r\n"), S("250 ok\r\n"), MAIL[0], S("250 ok\r\n503 why?\r\n")];
    assert_eq!(account(&[MAIL, next].concat()), told(1, Some("503 why?")));
    const LOGIN: &[Say] = &[C("AUTH PLAIN x\r\n"), S("535 no\r\n")];
    assert_eq!(account(&[LOGIN, MAIL, &[S("530 log in\r\n503 no sender\r\n")]].concat()), told(0, Some("535 no")));
    assert_eq!(account(LOGIN), told(0, Some("535 no")));
    assert_eq!(account(&[LOGIN, &[C("AUTH PLAIN y\r\n"), S("235 ok\r\n")]].concat()), told(0, None));
    assert_eq!(account(&[S("what?\r\n")]), None);
}

#[test]
fn a_client_that_speaks_tls_is_not_passed_on() {
    let mut dialogue = begun(Rules::Follow);
    assert_eq!(dialogue.pass(b"\x16"), Pass { go: 0, hold: Hold::Unsure });
    assert_eq!(dialogue.pass(b"\x16\x03\x01"), Pass { go: 0, hold: Hold::Tls });
    assert_eq!(begun(Rules::Follow).pass(b"\x16\x04"), Pass { go: 2, hold: Hold::Nothing });
    assert_eq!(begun(Rules::NotSmtp).pass(b"\x16\x03\x01"), Pass { go: 3, hold: Hold::Nothing });
    assert!(!follow(Rules::Follow, &[C("NOOP\r\n"), C("\x16\x03\x01")], |dialogue| dialogue.is_known()));
}

/// `--require-auth`: what goes up of the client's words behind a dialogue, and why not more.
fn pass(said: &[Say], words: &str) -> (usize, Hold) {
    follow(Rules::RequireAuth, said, |dialogue| {
        let Pass { go, hold } = dialogue.pass(words.as_bytes());
        (go, hold)
    })
}

#[test]
fn mail_waits_for_a_login() {
    const LOGIN: [Say; 2] = [C("AUTH PLAIN x\r\n"), S("235 ok\r\n")];
    for (said, words, expected) in [
        (&[][..], "MAIL FROM:<a@b>\r\n", (0, Hold::Mail)),
        (&[], "mail\t", (0, Hold::Mail)),
        (&[], "RSET\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n", (6, Hold::Mail)),
        (&[], "EHLO me\r\nMA", (9, Hold::Unsure)),
        (&[], "MAIL\r\n", (6, Hold::Nothing)),
        (&[], "MAILX\r\n", (7, Hold::Nothing)),
        (&[], "NOOP MAIL FROM\r\n", (16, Hold::Nothing)),
        (&[C("NOOP")], "MAIL \r\n", (7, Hold::Nothing)),
        (&[], "AUTH PLAIN x\r\nMAIL FROM:<a@b>\r\n", (14, Hold::Reply)),
        (&[C("AUTH PLAIN x\r\n")], "NOOP\r\n", (0, Hold::Reply)),
        (&[C("AUTH LOGIN\r\n"), S("334 more\r\n")], "YQ==\r\nYg==\r\n", (6, Hold::Reply)),
        (&[C("AUTH PLAIN x\r\n"), S("535 no\r\n")], "MAIL FROM:<a@b>\r\n", (0, Hold::Mail)),
        (&[C("NOOP\r\n"), S("235 ok\r\n")], "MAIL FROM:<a@b>\r\n", (0, Hold::Mail)),
        (&LOGIN, "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n", (32, Hold::Nothing)),
        (&LOGIN, "\r\nMAIL FROM:<a@b>\r\n", (19, Hold::Nothing)),
        (&[], "\r\nMAIL FROM:<a@b>\r\n", (0, Hold::Lost)),
        (&[], " MAIL FROM:<a@b>\r\n", (0, Hold::Lost)),
        (&[], "NOOP\r\n\nMAIL FROM:<a@b>\r\n", (6, Hold::Lost)),
        (&[], "DATA\r\nMAIL FROM:<a@b>\r\n", (6, Hold::Lost)),
        (&[], "QUIT\r\nMAIL FROM:<a@b>\r\n", (6, Hold::Lost)),
        (&[S("421 bye\r\n")], "QUIT\r\n", (6, Hold::Nothing)),
    ] {
        assert_eq!(pass(said, words), expected, "{said:?}, {words:?}");
    }
}

#[test]
fn a_mail_is_refused_between_whole_replies_with_the_reason() {
    const MAIL: &[u8] = b"MAIL FROM:<a@b>\r\n";
    let refuse = |said: &[Say]| {
        follow(Rules::RequireAuth, said, |dialogue| {
            assert_eq!(dialogue.pass(MAIL).hold, Hold::Mail);
            let refused = dialogue.refuse();
            assert_eq!(dialogue.received(b"250 late\r\n"), refused.is_none(), "{said:?}");
            refused.map(|why| (String::from_utf8(why.reason).expect("text"), why.temporary))
        })
    };
    let told = |reason: &str, temporary| Some((reason.to_owned(), temporary));
    assert_eq!(refuse(&[]), told("not logged in: no password given", false));
    assert_eq!(
        refuse(&[C("EHLO me\r\n"), S("250-me\r\n250 SIZE\r\n")]),
        told("not logged in: it offers no AUTH", false)
    );
    assert_eq!(
        refuse(&[C("EHLO me\r\n"), S("250-me\r\n250-AUTH PLAIN\r\n250 SIZE\r\n")]),
        told("not logged in: no password given", false)
    );
    let [wrong, later] = [S("535-a\r\n535 5.7.8 b\r\n"), S("454 later\r\n")];
    assert_eq!(refuse(&[C("AUTH PLAIN x\r\n"), wrong]), told("login refused: 535 5.7.8 b", false));
    assert_eq!(refuse(&[C("AUTH PLAIN x\r\n"), later]), told("login refused: 454 later", true));
    assert_eq!(refuse(&[C("NOOP\r\n")]), None);
    assert_eq!(refuse(&[C("NOOP\r\n"), S("250-a\r\n")]), None);
    assert_eq!(refuse(&[S("4")]), None);
}

#[test]
fn whoever_waits_is_told_when_all_is_delivered() {
    let mut dialogue = begun(Rules::RequireAuth);
    dialogue.pass(b"NOOP\r\n");
    dialogue.received(b"250 ok\r\n");
    assert!(!dialogue.delivered(), "nobody waits");
    assert_eq!(dialogue.pass(b"AUTH PLAIN x\r\nMAIL FROM:<a@b>\r\n").hold, Hold::Reply);
    dialogue.received(b"235 ok\r\n");
    assert!(dialogue.delivered());
}

#[test]
fn another_protocol_is_not_followed() {
    let mut dialogue = Dialogue::new(Rules::NotSmtp);
    assert_eq!(dialogue.pass(b"MAIL FROM:<a@b>\r\n"), Pass { go: 17, hold: Hold::Nothing });
    assert!(dialogue.received(b"221 bye\r\n"));
    assert!(!dialogue.delivered());
    assert_eq!((dialogue.standing(), dialogue.account(), dialogue.is_goodbye()), (UNKNOWN, None, false));
}

/// Found by fuzzing, as are those that follow.
#[test]
fn a_bare_cr_let_mail_go_up() {
    assert_eq!(pass(&[], "NOOP\rMAIL FROM:<a@b>\r\n"), (0, Hold::Lost));
    assert_eq!(pass(&[C("NOOP\r")], "M"), (0, Hold::Lost));
    assert_eq!(pass(&[C("AUTH LOGIN\r\n"), S("334 more\r\n")], "YQ==\rMAIL FROM:<a@b>\r\n"), (0, Hold::Lost));
}

#[test]
fn a_control_character_let_mail_go_up() {
    assert_eq!(pass(&[], "MAIL\x0bFROM:<a@b>\r\n"), (0, Hold::Lost));
    assert_eq!(pass(&[], "\0MAIL FROM:<a@b>\r\n"), (0, Hold::Lost));
}

#[test]
fn a_quit_that_is_refused_ended_the_session() {
    check(&[(&[C("QUIT\r\n"), S("501 no\r\n")], UNKNOWN), (&[C("QUIT x\r\n")], UNKNOWN)]);
}

#[test]
fn a_server_without_bdat_reads_commands_in_a_chunk() {
    check(&[
        (&[C("BDAT 6\r\nNOOP\r\n"), S("500 what?\r\n")], UNKNOWN),
        (&[C("BDAT 6\r\n"), S("502 what?\r\n")], UNKNOWN),
        (&[C("BDAT 6\r\n"), S("503 no\r\n")], INSIDE),
    ]);
}

#[test]
fn a_cut_line_behind_quit_was_taken_for_mail() {
    assert_eq!(pass(&[C("QUIT\r\nVRFY ")], "mail \r\n"), (7, Hold::Nothing));
}

#[test]
fn a_221_in_place_of_an_answer_was_counted_as_a_mail() {
    let mails = |said: &[Say]| follow(Rules::Follow, said, |dialogue| dialogue.account().map(|account| account.mails));
    assert_eq!(mails(&[C("BDAT 5 LAST\r\nhello"), S("221 bye\r\n")]), Some(0));
}

#[test]
fn nobody_was_woken_by_the_end_of_a_server_that_was_not_understood() {
    let mut dialogue = begun(Rules::Follow);
    dialogue.pass(b"DATA\r\ntext\r\n.\r\nQUIT\r\n");
    assert_eq!(dialogue.standing(), LONE_DOT);
    dialogue.received(b"354 go on\r\n250 ok\r\n221 bye\r\n");
    assert!(dialogue.delivered());
    assert_eq!(dialogue.standing(), SETTLED);
}
