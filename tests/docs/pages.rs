//! README, SECURITY.md, CHANGELOG and the other pages: they name what exists, and quote what is said.

use std::collections::BTreeSet;
use std::fs;

use smtps_bridge::cli::FLAGS;
use smtps_bridge::error::{Clear, Error, Facts, Failure, Fault, Issuer, Place, Rank, Stage, Trouble};
use smtps_bridge::report;
use smtps_bridge::text::{escape, Foreign};
use smtps_bridge::trust::ROOTS;

use super::causes::facts;
use super::{files, long_options, pages, read, root, MANUAL};

/// Long options of other programs that our pages mention.
const FOREIGN: [&str; 22] = [
    "--auth",
    "--auth-user",
    "--bench",
    "--example",
    "--exec",
    "--features",
    "--from",
    "--git",
    "--growth",
    "--locked",
    "--no-default-features",
    "--latency",
    "--now",
    "--path",
    "--pipe",
    "--plots",
    "--release",
    "--root",
    "--server",
    "--ssl",
    "--target",
    "--to",
];

#[test]
fn our_pages_and_sentences_name_no_option_that_does_not_exist() {
    let known: BTreeSet<&str> = FLAGS.iter().flat_map(|flag| flag.names).copied().collect();
    let mut wrong = Vec::new();
    for path in pages().into_iter().chain(files("src")) {
        let text = read(&path);
        // Comments may speak of options that are still to come; sentences may not. setup/ has lines of other programs.
        let source = path.ends_with(".rs") && !path.starts_with("src/setup/");
        let lines = text.lines().filter(|line| !(source && line.trim_start().starts_with("//")));
        for option in lines.flat_map(long_options) {
            // The words of other programs that have an answer.
            let answered = path == "src/cli/scan.rs" && option == "--insecure";
            if !known.contains(option) && (source || !FOREIGN.contains(&option)) && !answered {
                wrong.push(format!("{path}: {option}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn our_pages_name_no_file_that_does_not_exist() {
    let mut wrong = Vec::new();
    for path in pages() {
        let text = read(&path);
        let words = text.split(|c: char| c.is_whitespace() || "()[]`,;\"'".contains(c));
        let words = words.map(|word| word.split('#').next().unwrap_or_default());
        for word in words.map(|word| word.trim_end_matches(['.', ':', '/'])) {
            let ours = ["packaging/", "tests/", "examples/", "benches/", "man/", "src/", ".cargo/"];
            if ours.iter().any(|folder| word.starts_with(folder)) && !word.contains('*') && !root().join(word).exists()
            {
                wrong.push(format!("{path}: {word}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// Goal: a heading that is renamed, or a page that moves, takes its links along.
#[test]
fn our_links_lead_to_files_and_headings_that_exist() {
    let mut wrong = Vec::new();
    for page in pages().into_iter().filter(|path| path.ends_with(".md")) {
        let text = read(&page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => root().join(&page),
                _ => root().join(&page).with_file_name("").join(file),
            };
            let found = link.starts_with("https://")
                || target.exists()
                    && (heading.is_empty()
                        || fs::read_to_string(&target).unwrap_or_default().lines().any(|line| slug(line) == heading));
            if !found {
                wrong.push(format!("{page}: {link}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// The anchor of a heading, as GitHub and GitLab make it; of any other line, nothing.
fn slug(line: &str) -> String {
    let heading = if line.starts_with('#') { line.trim_start_matches('#').trim() } else { "" };
    let letters = heading.to_lowercase().replace(' ', "-");
    letters.chars().filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_').collect()
}

/// Goal: what the README says goes into sendmail's files is what the tests of sendmail put there.
#[test]
fn the_readme_has_the_line_for_sendmails_password() {
    let mailer = read("packaging/mta/sendmail.mailer.mc");
    let authinfo = mailer.lines().find_map(|line| line.strip_prefix("dnl authinfo: ")).expect("a line for authinfo");
    assert!(read("README.md").lines().any(|line| line.trim() == authinfo), "the README lacks {authinfo}");
}

/// Goal: the page is short enough to be read.
#[test]
fn the_readme_has_at_most_200_lines() {
    assert!(read("README.md").lines().count() <= 200);
}

/// Goal: a newcomer finds the folder of each test on one page.
#[test]
fn the_page_of_the_tests_names_every_folder() {
    let page = read("tests/README.md");
    let cells: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next()).collect();
    for module in read("tests/main.rs").lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';')) {
        assert!(cells.iter().any(|cell| cell.split('`').any(|name| name == module)), "tests/README.md lacks {module}");
    }
}

/// Goal: the README's cure for a refused sender address stands in the lines of that program too, word for word.
#[test]
fn the_senders_address_is_set_in_the_printed_lines_as_the_readme_says() {
    let readme = read("README.md");
    let rows: Vec<Vec<&str>> = readme
        .lines()
        .skip_while(|line| !line.starts_with("| program | KIND | sender address |"))
        .skip(2)
        .map_while(|line| line.strip_prefix("| ")?.strip_suffix(" |").map(|row| row.split(" | ").collect()))
        .collect();
    let commands = rows.iter().filter_map(|row| {
        Some((
            row[1].trim_matches('`'),
            row[2].strip_prefix('`')?.strip_suffix('`').filter(|cell| !cell.contains('`'))?,
        ))
    });
    let commands: Vec<_> = commands.collect();
    assert_eq!(commands.len(), 6, "{rows:?}");
    for (kind, command) in commands {
        let ready =
            files("packaging/mta").into_iter().filter(|path| path.starts_with(&format!("packaging/mta/{kind}")));
        let lines: String = ready.map(|path| read(&path)).collect();
        assert!(lines.contains(command), "the lines for {kind} lack {command}");
    }
    for line in sendmails_sender(&readme) {
        assert!(read("packaging/mta/sendmail.mailer.mc").contains(line), "the lines for sendmail lack {line}");
        assert!(read("packaging/mta/sendmail.port.mc").contains(line), "the lines for sendmail-port lack {line}");
    }
}

/// The lines of the README for sendmail.mc and its map.
fn sendmails_sender(readme: &str) -> Vec<&str> {
    let lines: Vec<&str> =
        readme.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| line.ends_with(")dnl")).collect();
    let lines: Vec<&str> = lines.into_iter().filter(|line| !line.starts_with("include(")).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    lines
}

/// Goal: each answer to a fault of our relatives has a test, and it is there.
#[test]
fn the_tests_that_security_md_names_exist() {
    let security = read("SECURITY.md");
    let table = security.split("## What went wrong elsewhere").nth(1).expect("the table").split("\n## ").next();
    let rows: Vec<&str> = table.unwrap_or_default().lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() >= 12, "{rows:?}");
    let tests: String =
        files("tests").into_iter().filter(|path| path.ends_with(".rs")).map(|path| read(&path)).collect();
    for row in rows {
        let name = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default().trim_matches('`');
        assert!(tests.contains(&format!("\nfn {name}()")), "no test {name}");
    }
}

/// Goal: what stands behind `421` in the README is what a client reads.
#[test]
fn the_sentences_in_the_readme_are_those_of_the_program() {
    let facts = || {
        Box::new(Facts {
            today: "2026-11-22".to_owned(),
            anchors: format!("Mozilla's roots of {}", ROOTS.1),
            ..facts()
        })
    };
    let place = Place { number: 1, of: 2, rank: Rank::Leaf, name: Foreign::default() };
    let refused = |fault| Error::Certificate { fault, facts: facts() };
    let causes = [
        refused(Fault::Expired { on: "2026-11-01".to_owned(), place, intermediate: None, untrusted: None }),
        refused(Fault::UnknownIssuer(Issuer::Missing { name: escape(b"CN=Example CA"), only_leaf: true })),
        Error::Tls {
            stage: Stage::Handshake,
            trouble: Trouble::Clear { what: Clear::Smtp, line: escape(b"220 smtp.example.com ESMTP") },
            facts: facts(),
        },
    ];
    // The page may break lines between any words.
    let readme = read("README.md").split_whitespace().collect::<Vec<_>>().join(" ");
    let mut missing = Vec::new();
    for cause in causes {
        let name = || Some("smtp.example.com".to_owned());
        let reply = report::reply(&Failure { host: name(), server_name: name(), ..Failure::from(cause) }, 0);
        if !readme.contains(&format!("`{}`", reply.trim_end())) {
            missing.push(reply);
        }
    }
    assert!(missing.is_empty(), "the README lacks: {}", missing.concat());
}

#[test]
fn the_date_of_the_roots_belongs_to_the_version_in_the_lock_file() {
    let lock = read("Cargo.lock");
    let version = lock
        .split("[[package]]")
        .filter(|package| package.contains("name = \"webpki-roots\""))
        .find_map(|package| Some(package.split_once("version = \"")?.1.split_once('"')?.0.to_owned()));
    assert_eq!(version.as_deref(), Some(ROOTS.0), "a new version: look its date up and change trust::ROOTS");
    // Nor may a build without the lock file use older ones than it says.
    let bound = format!("webpki-roots = {{ version = \"{}\"", ROOTS.0);
    assert!(read("Cargo.toml").lines().any(|line| line.starts_with(&bound)), "Cargo.toml lacks {bound}");
}

/// Goal: a release has one number and one date; both stand in the manual's and the change log's first lines.
#[test]
fn the_change_log_begins_with_this_version_and_the_manuals_date() {
    let changes = read("CHANGELOG.md");
    let mut headings = changes.lines().filter(|line| line.starts_with("## ") && *line != "## Unreleased");
    let date = headings.next().and_then(|line| line.strip_prefix(concat!("## ", env!("CARGO_PKG_VERSION"), " - ")));
    let date = date.expect("a heading with this version and a date");
    let manual = read(MANUAL);
    let words: Vec<&str> = manual.lines().find_map(|line| line.strip_prefix(".Dd ")).unwrap_or("").split(' ').collect();
    let [month, day, year] = words.as_slice() else { panic!("the manual's date: {words:?}") };
    let month = MONTHS.iter().position(|name| name == month).expect("a month") + 1;
    assert_eq!(date, format!("{year}-{month:02}-{:0>2}", day.trim_end_matches(',')));
    let locked = concat!("name = \"smtps-bridge\"\nversion = \"", env!("CARGO_PKG_VERSION"), "\"\n");
    assert!(read("fuzz/Cargo.lock").contains(locked), "fuzz/Cargo.lock has another version");
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
