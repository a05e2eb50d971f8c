//! What holds for a whole home: its `settings.toml`, read once when the engine starts.
//!
//! Settings that cannot be read stop nothing. What holds then is what holds without them, which is
//! stricter, and the engine says so where people look: among its limits, as an event and in its log.

use driver::Layout;
use spec::Settings;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The settings of a home, and what is to be said when they could not be used.
pub(crate) fn read(layout: &Layout) -> (Settings, Option<String>) {
    let path = layout.settings();
    let file = path.display();
    let unused = |why: String| {
        let text = format!("the settings of this home are not used: {why}");
        (Settings::default(), Some(text))
    };
    match bytes(&path) {
        Ok(None) => (Settings::default(), None),
        Ok(Some(bytes)) => match spec::settings(&file.to_string(), &bytes) {
            Ok(settings) => (settings, None),
            Err(problems) => {
                tracing::error!("{file} is not used:\n{}", problems.render(100, false));
                unused(problems.to_string())
            }
        },
        Err(error) => unused(format!("failed to read {file}: {error}")),
    }
}

/// The bytes of the file, one more than the limit at most: `spec` says that it is too large.
fn bytes(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::metadata(path) {
        // Opening a pipe would wait for somebody to write into it.
        Ok(found) if !found.is_file() => return Err(io::Error::other("it is no file")),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    let limit = u64::try_from(spec::limits::MAX_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    File::open(path)?
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::Home;

    #[test]
    fn settings_that_cannot_be_read_are_said_and_the_strict_ones_hold() {
        let home = Home::new();
        let layout = Layout::new(home.path());
        assert_eq!(read(&layout), (Settings::default(), None));
        let write = |text: &str| std::fs::write(layout.settings(), text).unwrap();
        write("[registry]\nallow = [\"10.1.0.0/16\"]\n");
        let (settings, said) = read(&layout);
        assert_eq!((settings.allow.len(), said), (1, None));
        write("[registry]\nallow = [\"10.1.0.0/16\", \"example.com\"]\n");
        let (settings, said) = read(&layout);
        assert_eq!(settings, Settings::default(), "nothing of a broken file");
        let said = said.unwrap();
        assert!(said.contains("settings.toml:2:"), "{said}");
        std::fs::remove_file(layout.settings()).unwrap();
        std::fs::create_dir(layout.settings()).unwrap();
        assert!(read(&layout).1.unwrap().contains("it is no file"));
    }
}
