//! What the tests of each format share.

use formats::{Format, Imported, Others, Reading, Sources};
use spec::{Cluster, Found};

/// What becomes of a file with these others beside it, or what is wrong with it.
pub(crate) fn read(
    format: Format,
    name: &str,
    file: &[u8],
    beside: &[(&str, &str)],
) -> Result<Imported, String> {
    read_among(format, name, file, beside, None)
}

/// The same of a part of a definition.
pub(crate) fn read_among(
    format: Format,
    name: &str,
    file: &[u8],
    beside: &[(&str, &str)],
    others: Option<&Others>,
) -> Result<Imported, String> {
    let mut sources = Sources::new(format, name, file.into());
    if let Some(others) = others {
        sources = sources.among(others);
    }
    loop {
        match sources.read() {
            Ok(Reading::Complete(imported)) => return Ok(imported),
            Ok(Reading::Needs(files)) => {
                for file in files {
                    let there = beside.iter().find(|(name, _)| *name == file);
                    let found = there.map_or(Found::Absent, |(_, text)| {
                        Found::Bytes(text.as_bytes().to_vec())
                    });
                    sources.add(file, found);
                }
            }
            Err(problems) => return Err(problems.render(100, false)),
        }
    }
}

/// The definition that the equivalent is.
pub(crate) fn cluster(imported: &Imported) -> Cluster {
    spec::parse("azora.toml", "shop", imported.text.as_bytes())
        .unwrap_or_else(|wrong| panic!("{}\n{}", imported.text, wrong.render(100, false)))
}
