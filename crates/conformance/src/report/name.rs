//! What the program under test is called.

use std::ffi::OsString;
use std::path::Path;

/// Programs that run another one.
const INTERPRETERS: [&str; 16] = [
    "python", "pypy", "node", "nodejs", "deno", "bun", "perl", "ruby", "php", "lua", "sh", "bash",
    "dash", "zsh", "java", "tclsh",
];

/// The file name of the program; for an interpreter that of its script, which is the first argument
/// that is no option.
pub fn name(program: &Path, arguments: &[OsString]) -> String {
    let file = |path: &Path| {
        let name = path.file_name().unwrap_or(path.as_os_str());
        name.to_string_lossy().into_owned()
    };
    let program = file(program);
    let bare = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    if !INTERPRETERS.contains(&bare) {
        return program;
    }
    let option = |text: &OsString| text.to_string_lossy().starts_with('-');
    match arguments.iter().position(|argument| !option(argument)) {
        // With -c or -e it is no file, and what it is may be long.
        Some(at) if at == 0 || !matches!(arguments[at - 1].to_str(), Some("-c" | "-e")) => {
            file(Path::new(&arguments[at]))
        }
        _ => program,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interpreter_is_called_by_its_script() {
        for (program, arguments, expected) in [
            ("/opt/my-worker", "in.py", "my-worker"),
            (
                "/usr/bin/python3.12",
                "-u lib/worker.py --fast",
                "worker.py",
            ),
            ("/usr/bin/python3", "-m my_worker", "my_worker"),
            ("/usr/bin/perl", "/srv/w.pl", "w.pl"),
            ("/bin/sh", "-c secret", "sh"),
            ("/usr/bin/node", "", "node"),
        ] {
            let arguments: Vec<OsString> = arguments.split_whitespace().map(Into::into).collect();
            assert_eq!(name(Path::new(program), &arguments), expected);
        }
    }
}
