//! What a stack trace is about: the line that says why, among those that say where.
//!
//! The first line that looks like an error is often only the heading of a trace (`Traceback (most recent
//! call last):`, `thread 'main' panicked at src/main.rs:3:5:`), or the source that Node repeats. Pure; asked
//! for the last words of a start.

/// Lines behind a heading that are looked at: a deep trace is some hundreds.
pub(super) const DEEP: usize = 1_000;

/// The line that says why, behind this heading; `None` when the heading says all there is.
pub(super) fn reason<'a>(heading: &str, lines: &[&'a str]) -> Option<&'a str> {
    let lines = &lines[..lines.len().min(DEEP)];
    let heading = heading.trim();
    if heading.contains("Traceback (most recent call last)") {
        python(lines)
    } else if heading.contains("panicked at") && heading.ends_with(':') {
        // Rust: the place first, the message below it.
        lines.iter().find(|line| !line.trim().is_empty()).copied()
    } else if lines.first().is_some_and(|line| marks(line)) || heading.starts_with("throw ") {
        let named = |line: &&&str| names_error(line);
        lines
            .iter()
            .take_while(|line| !frame(line))
            .find(named)
            .copied()
    } else {
        java(lines)
    }
    .map(str::trim)
}

/// Frames are moved in, and what was raised is not. One raised while another was handled follows with
/// a trace of its own, and is what ended the program.
fn python<'a>(lines: &[&'a str]) -> Option<&'a str> {
    let mut raised = None;
    let mut inside = true;
    for line in lines {
        if line.contains("Traceback (most recent call last)") {
            inside = true;
        } else if inside && !line.starts_with([' ', '\t']) && !line.trim().is_empty() {
            (raised, inside) = (Some(*line), false);
        } else if inside || line.trim().is_empty() || chained(line) {
            // Goes on.
        } else {
            break;
        }
    }
    raised
}

fn chained(line: &str) -> bool {
    line.contains("another exception occurred") || line.contains("was the direct cause of")
}

/// The last `Caused by` of a Java trace is what the others came of.
fn java<'a>(lines: &[&'a str]) -> Option<&'a str> {
    let trace = lines.iter().take_while(|line| {
        let text = line.trim_start();
        frame(line) || text.starts_with("... ") || text.starts_with("Caused by: ")
    });
    let causes = trace.filter_map(|line| line.trim_start().strip_prefix("Caused by: "));
    causes.last()
}

/// `^` below the place in the source that Node repeats.
fn marks(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && line.bytes().all(|byte| byte == b'^')
}

/// `    at Object.<anonymous> (/app/server.js:3:7)`.
fn frame(line: &str) -> bool {
    line.starts_with([' ', '\t']) && line.trim_start().starts_with("at ")
}

/// `TypeError: x is not a function`, `Error [ERR_MODULE_NOT_FOUND]: …`, `Uncaught:`.
fn names_error(line: &str) -> bool {
    let word = line.split([':', ' ']).next().unwrap_or_default();
    word.ends_with("Error") || word.ends_with("Exception")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str) -> Option<&str> {
        let lines: Vec<&str> = text.lines().collect();
        reason(lines[0], &lines[1..])
    }

    #[test]
    fn python_says_why_at_the_end() {
        assert_eq!(
            why(
                "Traceback (most recent call last):\n  File \"a.py\", line 3, in <module>\n    \
                 import http.server\nModuleNotFoundError: No module named 'http.server'\nbye\n"
            ),
            Some("ModuleNotFoundError: No module named 'http.server'")
        );
        assert_eq!(
            why(
                "ERROR Traceback (most recent call last):\n  File \"a.py\", line 3\n    x()\n\
                 KeyError: 'a'\n\nDuring handling of the above exception, another exception \
                 occurred:\n\nTraceback (most recent call last):\n  File \"a.py\", line 5\n    \
                 y()\nRuntimeError: config missing\n"
            ),
            Some("RuntimeError: config missing")
        );
        assert_eq!(
            why("Traceback (most recent call last):\n  File \"a.py\"\n"),
            None
        );
    }

    #[test]
    fn rust_says_why_below_the_place() {
        assert_eq!(
            why(
                "thread 'main' panicked at src/main.rs:3:5:\nconfig missing: api.toml\nnote: run \
                 with `RUST_BACKTRACE=1` environment variable to display a backtrace\n"
            ),
            Some("config missing: api.toml")
        );
        assert_eq!(
            why("thread 'main' panicked at 'boom', src/main.rs:3:5\nnote: run\n"),
            None
        );
    }

    #[test]
    fn node_says_why_below_the_source_it_repeats() {
        let text = "throw new Error('config missing');\n^\n\nError: config missing\n    at \
                    Object.<anonymous> (/app/server.js:3:7)\n    at node:internal/main:1:2\n\n\
                    Node.js v22.1.0\n";
        assert_eq!(why(text), Some("Error: config missing"));
        assert_eq!(
            why("  throw err;\n  ^\n\nError [ERR_X]: no such module\n    at f (a.js:1:1)\n"),
            Some("Error [ERR_X]: no such module")
        );
        assert_eq!(
            why("TypeError: x is not a function\n    at f (a.js:1:1)\n"),
            None
        );
    }

    #[test]
    fn java_says_why_in_its_last_cause() {
        assert_eq!(
            why(
                "Exception in thread \"main\" java.lang.IllegalStateException: failed to start\n\
                 \tat app.Main.main(Main.java:7)\nCaused by: java.net.BindException: Address \
                 already in use\n\tat java.base/sun.nio.ch.Net.bind0(Native Method)\n\t... 9 more\n"
            ),
            Some("java.net.BindException: Address already in use")
        );
        assert_eq!(
            why("Exception in thread \"main\" app.Boom: x\n\tat app.Main.main(M.java:7)\n"),
            None
        );
    }

    #[test]
    fn go_and_others_say_it_at_once() {
        assert_eq!(
            why(
                "panic: runtime error: index out of range [5]\n\ngoroutine 1 [running]:\nmain.main()\n"
            ),
            None
        );
        assert_eq!(why("error: no space left\nCaused by nothing\n"), None);
        assert_eq!(why("ERROR"), None);
    }
}
