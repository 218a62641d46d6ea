//! Mistakes in a configuration are shown with their place, in words that help.

use crate::running::{configured, greenroom, text};

/// What `greenroom check` says of a configuration that cannot be used.
fn said_of(configuration: &str) -> String {
    let directory = configured(configuration);
    let output = greenroom(directory.path(), &["check"]).output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{configuration}: {said}");
    said
}

#[test]
fn an_unknown_key_is_shown_with_the_nearest() {
    assert_eq!(
        said_of("[daemon.api]\ncommand = [\"true\"]\nrestrat = \"always\"\n"),
        "greenroom.toml:3:1: unknown key \"restrat\" in [daemon.api]: did you mean \"restart\"?\n  \
         3 | restrat = \"always\"\n    | ^^^^^^^\n"
    );
}

#[test]
fn all_mistakes_are_shown_at_once_in_order() {
    let said = said_of(
        "[supervisor]\nshutdown_timeout = 5\n[daemon.api]\nrestart = \"alway\"\n\
         ready = { tpc = \"x\" }\n[deamon.x]\n",
    );
    let firsts: Vec<_> = said
        .lines()
        .filter(|line| line.starts_with("greenroom.toml"))
        .collect();
    assert_eq!(
        firsts,
        [
            "greenroom.toml:2:20: key \"shutdown_timeout\" in [supervisor] must be a length of time \
             in quotes, for example \"2.5s\", not this number",
            "greenroom.toml:3:9: [daemon.api] needs the key \"command\": write command = \
             [\"program\", \"argument\"]",
            "greenroom.toml:4:11: key \"restart\" in [daemon.api]: \"alway\" is not known here: did \
             you mean \"always\"?",
            "greenroom.toml:5:9: ready of [daemon.api] needs exactly one of log, delay, tcp, http and exec",
            "greenroom.toml:5:11: unknown key \"tpc\" in ready of [daemon.api]: did you mean \
             \"tcp\"?",
            "greenroom.toml:6:2: unknown key \"deamon\" in the file: did you mean \"daemon\"?",
        ]
    );
}

#[test]
fn what_cannot_be_together_points_at_its_unit() {
    let first = |configuration: &str| said_of(configuration).lines().next().unwrap().to_owned();
    assert_eq!(
        first(
            "[daemon.db]\ncommand = [\"true\"]\n[daemon.api]\ncommand = [\"true\"]\nafter = [\"bd\"]\n"
        ),
        "greenroom.toml:5:1: unit api is to start after bd, which does not exist: did you mean db?"
    );
    assert_eq!(
        first(
            "[daemon.a]\ncommand = [\"true\"]\nafter = [\"b\"]\n\
             [daemon.b]\ncommand = [\"true\"]\nafter = [\"a\"]\n"
        ),
        "greenroom.toml:6:1: units wait for each other in a circle: b -> a -> b"
    );
    assert_eq!(
        first("[daemon.a]\ncommand = [\"true\"]\ngroup = \"wbe\"\n[group.web]\n"),
        "greenroom.toml:3:1: unit a is to belong to the group wbe, which does not exist: did you \
         mean web?"
    );
    assert_eq!(
        first("[daemon.a]\ncommand = [\"true\"]\n[pool.a]\nworker = [\"true\"]\n"),
        "greenroom.toml:3:7: there is a unit or group named a already: give it another name"
    );
}

#[test]
fn a_limit_that_can_never_be_reached_is_refused() {
    let said = said_of(
        "[daemon.a]\ncommand = [\"true\"]\n\
         restart = { max_restarts = 50, window = \"1m\", backoff_initial = \"10s\" }\n",
    );
    assert!(
        said.starts_with("greenroom.toml:3:11: restart: window is "),
        "{said}"
    );
    assert!(said.contains("never given up"), "{said}");
}

#[test]
fn secrets_are_not_repeated() {
    for configuration in [
        "[daemon.a]\ncommand = [\"true\", \"s3cret\", 5]\n",
        "[daemon.a]\ncommand = [\"true\"]\nenvironment = { KEY = \"s3cret\", OTHER = 5 }\n",
        "[daemon.a]\ncommand = [\"true\"]\nenvironmnt = { KEY = \"s3cret\" }\n",
        "[daemon.a]\ncommand = [\"s3cret\" \"x\"]\n",
        "[daemon.a.environment]\nKEY = s3cret\n",
        "[daemon]\na = { command = [\"s3cret\"], restrat = 1 }\n",
        "[daemon.a]\ncommand = [\"x\"]\nstop = [{ signal = \"TREM\" }, { stdin = \"s3cret\" }]\n",
        "[deamon]\na = { command = [\"s3cret\"] }\n",
        "deamon = { a = { command = [\"s3cret\"] } }\n",
        "daemon = [{ command = [\"s3cret\"] }]\n",
        "[daemon]\na = { command = [\"s3cret\"], after = [\"nobody\"] }\n",
    ] {
        let said = said_of(configuration);
        assert!(!said.contains("s3cret"), "{said}");
    }
}

#[test]
fn a_file_that_is_not_there_is_no_bad_one() {
    let directory = tempfile::tempdir().unwrap();
    let output = greenroom(directory.path(), &["check"]).output().unwrap();
    assert_eq!(output.status.code(), Some(66));
    assert!(text(&output.stderr).starts_with("there is no file greenroom.toml"));
}

#[test]
fn the_example_has_no_mistake_and_says_everything() {
    let example = include_str!("../../greenroom.example.toml");
    let directory = configured(example);
    let output = greenroom(directory.path(), &["check"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(
        text(&output.stdout),
        "greenroom.toml: 4 units and 1 group, nothing is wrong\n"
    );
    // Whatever a table knows is listed where it is told of an unknown key; the example has it all.
    for table in [
        "[daemon.x]\ncommand = [\"true\"]\n",
        "[pool.x]\nworker = [\"true\"]\n",
        "[group.x]\n",
    ] {
        let said = said_of(&format!("{table}zzzzzzzzzzzz = 1\n"));
        let known = said
            .lines()
            .next()
            .unwrap()
            .split("known are ")
            .nth(1)
            .unwrap()
            .to_owned();
        for key in known.split(", ") {
            let written =
                example.contains(&format!("{key} = ")) || example.contains(&format!(".{key}]"));
            assert!(written, "the example does not show {key}");
        }
    }
}

#[test]
fn json_has_the_places() {
    let directory = configured("[daemon.api]\ncommand = [\"true\"]\nnice = 99\n");
    let output = greenroom(directory.path(), &["check", "--json"])
        .output()
        .unwrap();
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["ok"], false);
    assert_eq!(said["problems"][0]["line"], 3);
    assert_eq!(said["problems"][0]["column"], 8);
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("greenroom.toml");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, fifo, mode, 0).unwrap();
    let output = greenroom(directory.path(), &["check"]).output().unwrap();
    assert_eq!(output.status.code(), Some(66));
    assert_eq!(
        text(&output.stderr),
        "greenroom.toml is not a file: give the path of a configuration\n"
    );
}

#[test]
fn addresses_with_passwords_are_not_shown() {
    for key in [
        "http = \"https://u:SECRET@h/?t=SECRET\"",
        "tcp = \"u:SECRET@h:1\"",
    ] {
        let said = said_of(&format!(
            "[daemon.a]\ncommand = [\"true\"]\nready = {{ {key} }}\n"
        ));
        assert!(!said.contains("SECRET"), "{said}");
    }
}
