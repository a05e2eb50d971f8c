//! What a shell and `man` know of this command, made from its own definition: no second text that could
//! say something else. Asks no engine.

use crate::args::{Arguments, Completions, Man};
use crate::fail::{Done, Fail};
use clap::CommandFactory;
use std::io::{self, Write};
use std::path::Path;

/// Prints what a shell needs to complete commands, options and their values.
pub(crate) fn completions(asked: &Completions) -> Done {
    let mut script = Vec::new();
    let mut command = Arguments::command();
    clap_complete::generate(asked.shell, &mut command, "azora", &mut script);
    print(&script)
}

/// Prints the manual page of `azora`, or writes that and one for every command into a folder.
pub(crate) fn man(asked: &Man) -> Done {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let Some(folder) = &asked.into else {
        return print(&page(command)?);
    };
    std::fs::create_dir_all(folder).map_err(|error| unwritten(folder, &error))?;
    let commands: Vec<clap::Command> = command.get_subcommands().cloned().collect();
    for one in [vec![command], commands].concat() {
        let name = one.get_display_name().unwrap_or_else(|| one.get_name());
        let file = folder.join(format!("{name}.1"));
        std::fs::write(&file, page(one)?).map_err(|error| unwritten(&file, &error))?;
    }
    Ok(())
}

fn page(command: clap::Command) -> Done<Vec<u8>> {
    let after = command.get_after_long_help().or(command.get_after_help());
    let after = after.map(|text| sections(&text.to_string()));
    let has_subcommands = command.has_subcommands();
    let man = clap_mangen::Man::new(command).manual("Azora");
    let mut text = Vec::new();
    let rendered = (|| {
        man.render_title(&mut text)?;
        man.render_name_section(&mut text)?;
        man.render_synopsis_section(&mut text)?;
        man.render_description_section(&mut text)?;
        man.render_options_section(&mut text)?;
        if has_subcommands {
            man.render_subcommands_section(&mut text)?;
        }
        // It would fill what follows the options into paragraphs, and that is tables.
        text.write_all(after.unwrap_or_default().as_bytes())
    })();
    // Into memory: it cannot fail, but its signature says so.
    rendered.map_err(|error: io::Error| {
        Fail::failed(format!("failed to make the manual page: {error}"))
    })?;
    Ok(text)
}

/// What follows the options in `--help`, as sections: a line that ends with a colon begins one.
fn sections(text: &str) -> String {
    let mut page = String::new();
    for block in text.split("\n\n") {
        let (heading, lines) = match block.split_once('\n') {
            Some((first, rest)) if first.ends_with(':') => (first.trim_end_matches(':'), rest),
            _ => ("Notes", block),
        };
        // The one of them that manuals call otherwise.
        let heading = heading.replace("Exit codes", "Exit status").to_uppercase();
        page.push_str(&format!(".SH \"{heading}\"\n.nf\n"));
        for line in lines.lines() {
            let line = line.strip_prefix("  ").unwrap_or(line);
            let line = line.replace('\\', "\\e").replace('-', "\\-");
            // A zero-width character in front: no line of text is a request.
            page.push_str(&format!("\\&{line}\n"));
        }
        page.push_str(".fi\n");
    }
    page
}

fn unwritten(path: &Path, error: &io::Error) -> Fail {
    Fail::failed(format!("failed to write {}: {error}", path.display()))
}

fn print(text: &[u8]) -> Done {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        // Whoever reads has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Fail::failed(format!("failed to print: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap_complete::Shell;

    #[test]
    fn every_shell_completes_every_command() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            let mut command = Arguments::command();
            clap_complete::generate(shell, &mut command, "azora", &mut script);
            let script = String::from_utf8(script).unwrap();
            for command in Arguments::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}: {command}");
            }
            assert!(script.contains("follow"), "{shell} knows options");
        }
    }

    #[test]
    fn every_command_has_a_page_that_names_its_options() {
        let folder = tempfile::tempdir().unwrap();
        let into = Some(folder.path().join("man1"));
        man(&Man { into: into.clone() }).unwrap();
        let read = |name: &str| {
            let file = into.as_ref().unwrap().join(name);
            std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{name}: {error}"))
        };
        for command in Arguments::command().get_subcommands() {
            let page = read(&format!("azora-{}.1", command.get_name()));
            assert!(page.contains(".SH NAME"), "{}", command.get_name());
        }
        assert!(read("azora-logs.1").contains("follow"));
        let main = read("azora.1");
        for text in [
            ".SH \"EXIT STATUS\"\n.nf\n\\&0    ok\n",
            "AZORA_HOME",
            "azora\\-up(1)",
        ] {
            assert!(main.contains(text), "{text} is not in:\n{main}");
        }
    }

    #[test]
    fn what_follows_the_options_keeps_its_lines() {
        let page = sections("For example:\n  a --b\n  .c \\n\n\nOn its own");
        let wanted = ".SH \"FOR EXAMPLE\"\n.nf\n\\&a \\-\\-b\n\\&.c \\en\n.fi\n\
                      .SH \"NOTES\"\n.nf\n\\&On its own\n.fi\n";
        assert_eq!(page, wanted);
    }
}
