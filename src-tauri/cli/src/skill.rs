//! `azora skill`: what a coding agent has to know to use this command. Asks no engine.

use crate::args::Skill;
use crate::fail::{Done, Fail};
use crate::terminal::{plain, print, print_as_it_is};

const TEXT: &str = include_str!("../../../docs/SKILL.md");

/// Prints it, or writes it where agents look for skills.
pub(crate) fn skill(asked: &Skill) -> Done {
    let Some(folder) = &asked.into else {
        return Ok(print_as_it_is(TEXT.trim_end())?);
    };
    let folder = folder.join("azora");
    let path = folder.join("SKILL.md");
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&path, TEXT))
        .map_err(|error| Fail::failed(format!("failed to write {}: {error}", path.display())))?;
    print(&format!(
        "{} is written",
        plain(&path.display().to_string())
    ))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::TEXT;
    use crate::args::Arguments;
    use clap::Parser;

    #[test]
    fn every_command_in_it_is_one_that_is_understood() {
        let mut seen = 0;
        for line in TEXT.lines().filter(|line| line.starts_with("azora ")) {
            let command = line.split("  #").next().unwrap().trim();
            let words = command.split_whitespace();
            let parsed = Arguments::try_parse_from(words);
            assert!(parsed.is_ok(), "{command}: {}", parsed.unwrap_err());
            seen += 1;
        }
        assert!(seen >= 20, "{seen}");
    }

    #[test]
    fn it_begins_as_agents_expect_it() {
        let mut lines = TEXT.lines();
        assert_eq!(lines.next(), Some("---"));
        assert_eq!(lines.next(), Some("name: azora"));
        let about = lines.next().unwrap_or_default();
        let about = about.strip_prefix("description: ").unwrap_or_default();
        assert!(!about.is_empty() && about.len() <= 1024);
        assert_eq!(lines.next(), Some("---"));
    }
}
