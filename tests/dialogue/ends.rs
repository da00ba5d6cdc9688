//! The server ends the session: what it owes, and what it said last, decide whether that is a clean end.

use crate::dialogue::{session, test, Lines, Over, BYE, DATA, EHLO, MESSAGE, NOTHING, QUEUED};
use crate::support::kernel::until_read;
use crate::support::peer::Link;

/// The three ways in which a server leaves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    CloseNotify,
    /// FIN alone; OpenSMTPD has never sent anything else.
    Eof,
    Reset,
}

use How::{CloseNotify, Eof, Reset};

fn leave(mut link: Link, how: How) {
    match how {
        CloseNotify => link.close_notify(),
        Eof => link.fin(),
        Reset => {
            // The octets first: a RST may overtake what the bridge has not read yet.
            until_read(&link.tcp);
            return link.reset();
        }
    }
    link.expect_end();
}

/// The client has said `said` behind `lines`; the server answers with `last` and leaves. The client reads that and a FIN.
#[track_caller]
fn leaves(lines: Lines, said: &'static str, last: &'static str, how: How, end: &str, code: i32) -> Over<()> {
    let mut session = session(1, lines, move |mut link| {
        link.expect(said);
        link.say(last);
        leave(link, how);
    });
    session.say(said);
    session.expect_last(last);
    session.ends(end, code)
}

/// Goal: a server that has answered everything may leave without a word about it: its idle clock, a restart.
#[test]
fn a_server_that_owes_nothing_ends_in_order() {
    test(|| {
        for lines in [NOTHING, EHLO] {
            leaves(lines, "", "", CloseNotify, "close_notify", 0);
            leaves(lines, "", "", Eof, "eof", 0);
        }
        leaves(EHLO, "NOOP\r\n", "250 Ok\r\n", CloseNotify, "close_notify", 0);
        leaves(EHLO, "NOOP\r\n", "250-still\r\n250 here\r\n", Eof, "eof", 0);
        leaves(EHLO, "NOOP\r\nRSET\r\n", "250 Ok\r\n250 Ok\r\n", Eof, "eof", 0);
    });
}

#[test]
fn after_the_reply_to_quit_every_end_is_in_order() {
    test(|| {
        leaves(EHLO, "QUIT\r\n", BYE, CloseNotify, "close_notify", 0);
        leaves(EHLO, "QUIT\r\n", "221-so\r\n221 long\r\n", Eof, "eof", 0);
        leaves(EHLO, "QUIT\r\n", BYE, Reset, "eof", 0);
    });
}

/// Goal: no answer is owed to what stands behind QUIT.
#[test]
fn what_the_client_says_behind_quit_is_owed_nothing() {
    test(|| {
        leaves(EHLO, "QUIT\r\nNOOP\r\n", BYE, Eof, "eof", 0);
    });
}

/// Goal: 421 is the server's own end, even if it answers nothing: in place of replies, and in the middle of a text.
#[test]
fn after_an_unsolicited_421_every_end_is_in_order() {
    const TIMEOUT: &str = "421 4.4.2 smarthost.test timeout\r\n";
    test(|| {
        for how in [CloseNotify, Eof, Reset] {
            let end = if how == CloseNotify { "close_notify" } else { "eof" };
            leaves(NOTHING, "", TIMEOUT, how, end, 0);
            leaves(EHLO, "", TIMEOUT, how, end, 0);
            leaves(EHLO, "NOOP\r\nRSET\r\n", TIMEOUT, how, end, 0);
            leaves(EHLO, "NOOP\r\nRSET\r\n", "250 Ok\r\n421 4.3.2 down\r\n", how, end, 0);
            leaves(DATA, "Subject: hello\r\n", TIMEOUT, how, end, 0);
        }
    });
}

/// Goal: an answer that was due and never came is worth a warning, close_notify or not: a proxy whose backend dies sends one.
#[test]
fn an_end_while_a_reply_is_owed_is_truncated() {
    test(|| {
        for how in [CloseNotify, Eof] {
            leaves(NOTHING, "EHLO me\r\n", "", how, "truncated", 76);
            leaves(EHLO, "NOOP\r\nRSET\r\n", "250 Ok\r\n", how, "truncated", 76);
            leaves(EHLO, "QUIT\r\n", "", how, "truncated", 76);
            leaves(EHLO, "AUTH LOGIN\r\n", "", how, "truncated", 76);
            leaves(DATA, MESSAGE, "", how, "truncated", 76);
            leaves(DATA, ".\r\n", "", how, "truncated", 76);
            leaves(EHLO, "BDAT 5\r\nhello", "", how, "truncated", 76);
            leaves(EHLO, "BDAT 5\r\nhe", "", how, "truncated", 76);
        }
    });
}

/// Goal: the mail is lost for this session, whichever side was to speak next.
#[test]
fn an_end_inside_a_text_is_truncated() {
    test(|| {
        for how in [CloseNotify, Eof] {
            leaves(DATA, "Subject: hello\r\n\r\nhalf a mess", "", how, "truncated", 76);
        }
    });
}

#[test]
fn an_end_in_the_middle_of_a_reply_is_truncated_and_nothing_is_added() {
    test(|| {
        for half in ["2", "250", "250 o", "250 Ok\r", "250-Ok\r\n", "250-Ok\r\n250 Ok", "221 by", "421-4.3.2 down\r\n"]
        {
            for how in [CloseNotify, Eof] {
                leaves(EHLO, "NOOP\r\n", half, how, "truncated", 76);
            }
        }
        // No one asked for it, and half of it does not make a clean end.
        leaves(EHLO, "", "421 4.4", Eof, "truncated", 76);
        leaves(EHLO, "", "421 4.4", CloseNotify, "truncated", 76);
    });
}

/// Goal: half a record is no data, and the reply in it is owed still.
#[test]
fn an_end_in_the_middle_of_a_record_is_truncated() {
    test(|| {
        let mut session = session(1, EHLO, |mut link| {
            link.expect("NOOP\r\n");
            let record = link.records(b"250 never whole\r\n");
            link.raw(&record[..record.len() / 2]);
            leave(link, Eof);
        });
        session.say("NOOP\r\n");
        session.expect_last("");
        session.ends("truncated", 76);
    });
}

/// Goal: if it is unknown what is owed, close_notify is an end that the server meant, and an end of file may be anything.
#[test]
fn while_unknown_close_notify_is_in_order_and_end_of_file_is_truncated() {
    const UNASKED: &str = "250 nobody asked\r\n";
    test(|| {
        leaves(EHLO, "", UNASKED, CloseNotify, "close_notify", 0);
        leaves(EHLO, "", UNASKED, Eof, "truncated", 76);
        leaves(EHLO, "QUIT\r\n", "250 nobody asked\r\n221 2.0.0 Bye\r\n", Eof, "eof", 0);
        leaves(EHLO, "", "250 nobody asked\r\n421 4.4.2 timeout\r\n", Reset, "eof", 0);
    });
}

#[test]
fn a_reset_is_told_as_one_whether_or_not_a_reply_is_owed() {
    test(|| {
        leaves(EHLO, "", "", Reset, "reset", 74);
        leaves(EHLO, "NOOP\r\n", "250 Ok\r\n", Reset, "reset", 74);
        leaves(EHLO, "NOOP\r\n", "", Reset, "reset", 74);
        leaves(EHLO, "NOOP\r\n", "250-Ok\r\n", Reset, "reset", 74);
        leaves(DATA, MESSAGE, "", Reset, "reset", 74);
    });
}

/// Goal: the client gets the answer to the final dot, whatever comes behind it.
#[test]
fn the_answer_to_a_message_and_an_end_behind_it_are_in_order() {
    test(|| {
        let over = leaves(DATA, MESSAGE, QUEUED, CloseNotify, "close_notify", 0);
        assert!(over.line.contains(" mails=1"), "{}", over.line);
        leaves(DATA, MESSAGE, QUEUED, Eof, "eof", 0);
    });
}

/// Goal: Exim gives up in clear text behind TLS. What it says is not authenticated: the log has it, and the client reads an
/// end.
#[test]
fn plain_text_behind_tls_is_told_by_its_words_in_the_log_alone() {
    test(|| {
        let mut session = session(1, EHLO, |mut link| {
            link.expect("NOOP\r\n");
            link.say("250 Ok\r\n");
            link.raw(b"421 smarthost.test lost input connection\r\n");
            link.until_closed();
        });
        session.say("NOOP\r\n");
        session.expect_last("250 Ok\r\n");
        let over = session.ends("bad_record", 76);
        assert!(over.line.contains("421 smarthost.test lost input connection"), "{}", over.line);
        assert!(over.line.contains("plain text") && !over.line.contains("ContentType"), "{}", over.line);
    });
}

/// Goal: what was authenticated before a bad record arrives, and the client reads a FIN, no RST.
#[test]
fn a_bad_record_delivers_what_came_before_it() {
    test(|| {
        let mut session = session(1, EHLO, |mut link| {
            let mut segment = link.records(b"250 Ok\r\n");
            segment.extend(b"\x17\x03\x03\x00\x20................................");
            link.raw(&segment);
            link.until_closed();
        });
        session.say("NOOP\r\n");
        session.expect_last("250 Ok\r\n");
        session.ends("bad_record", 76);
    });
}
