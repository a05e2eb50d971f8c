//! The table and every type it names as one TypeScript file, `ui/src/ipc/generated.ts`.
//!
//! The file is committed; the test below holds it equal to the code and writes it anew under
//! `AZORA_BLESS=1`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use ts_rs::{Config, TS, TypeVisitor};

const HEADER: &str = "\
// Generated from the Rust types by `AZORA_BLESS=1 cargo test -p api`. Never edited by hand.
// Numbers are plain: none of them passes 2^53 in a lifetime. Times are milliseconds since 1970.
";

/// The whole file.
///
/// # Errors
/// The names that several types have: in one file only one of them would be left.
pub fn generated() -> Result<String, String> {
    let mut types = Types::new();
    let mut calls = String::new();
    let mut streams = String::new();

    macro_rules! rows {
        (
            calls { $( #[doc = $doc:literal] $kind:ident $agents:ident $call:ident($request:ty) -> $response:ty; )* }
            streams { $( #[doc = $sdoc:literal] $sagents:ident $stream:ident($srequest:ty) -> $message:ty; )* }
        ) => {
            $( types.row::<$request, $response>(
                &mut calls, $doc, stringify!($call), Some(stringify!($kind)), "response",
            ); )*
            $( types.row::<$srequest, $message>(
                &mut streams, $sdoc, stringify!($stream), None, "message",
            ); )*
        };
    }
    crate::commands!(rows);
    types.visit::<model::view::Failure>();
    types.differ()?;

    let mut file = String::from(HEADER);
    for found in types.found.values() {
        file.push('\n');
        file.push_str(&found.text);
    }
    let _ = write!(
        file,
        "\n/** Every command: what it takes, what it answers, whether it only reads. */\n\
         export interface Commands {{\n{calls}}}\n\
         \n/** Every stream: what it takes, what it sends. */\n\
         export interface Streams {{\n{streams}}}\n"
    );
    Ok(file)
}

/// Every named type that was reached, by name.
struct Types {
    config: Config,
    found: BTreeMap<String, Declared>,
    /// Names under which another type was found than the first.
    taken: BTreeSet<String>,
}

struct Declared {
    /// Without comments. Of a generic type it is the same for whatever it is made of, as it is for a
    /// type in a box.
    declaration: String,
    /// As it stands in the file.
    text: String,
}

impl Types {
    fn new() -> Self {
        Self {
            config: Config::new().with_large_int("number"),
            found: BTreeMap::new(),
            taken: BTreeSet::new(),
        }
    }

    /// # Errors
    /// The names that several types have.
    fn differ(&self) -> Result<(), String> {
        if self.taken.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = self.taken.iter().map(String::as_str).collect();
        Err(format!(
            "several types are called {}: rename all but one, in Rust or by #[ts(rename)]",
            names.join(", ")
        ))
    }

    fn row<Request: TS + 'static, Answer: TS + 'static>(
        &mut self,
        into: &mut String,
        doc: &str,
        name: &str,
        kind: Option<&str>,
        answer: &str,
    ) {
        self.visit::<Request>();
        self.visit::<Answer>();
        let kind = kind
            .map(|kind| format!("kind: \"{kind}\"; "))
            .unwrap_or_default();
        let (request, response) = (Request::name(&self.config), Answer::name(&self.config));
        // Writing to a String does not fail.
        let _ = writeln!(
            into,
            "  /** {} */\n  {name}: {{ {kind}request: {request}; {answer}: {response} }};",
            doc.trim(),
        );
    }
}

impl TypeVisitor for Types {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        // Only types of ours have a place of their own; numbers, lists and options do not.
        if T::output_path().is_some() {
            let name = T::ident(&self.config);
            let declaration = T::decl(&self.config);
            if let Some(found) = self.found.get(&name) {
                if found.declaration != declaration {
                    self.taken.insert(name);
                }
                return;
            }
            let docs = T::docs().unwrap_or_default();
            let text = tidy(&format!("{docs}export {declaration}\n"));
            self.found.insert(name, Declared { declaration, text });
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
    }
}

/// Puts a declaration in the form a person would write: one-line comments, members indented.
fn tidy(declaration: &str) -> String {
    let mut tidied = String::new();
    let mut comment: Option<Vec<&str>> = None;
    let mut indent = "";
    for line in declaration.lines().map(str::trim) {
        match (&mut comment, line) {
            (None, "/**") => comment = Some(Vec::new()),
            (Some(lines), "*/") => {
                let text = lines.join(" ");
                tidied.push_str(&format!("{indent}/** {text} */\n"));
                comment = None;
            }
            (Some(lines), text) => lines.push(text.trim_start_matches('*').trim()),
            (None, code) => {
                let closes = code.ends_with("};");
                let code = code.trim_end_matches(',').replace(", }", " }");
                let end = if code.ends_with([';', '{']) { "" } else { "," };
                tidied.push_str(&format!("{indent}{code}{end}\n"));
                indent = if closes { "" } else { "  " };
            }
        }
    }
    tidied
}

#[cfg(test)]
mod tests {
    use super::Types;
    use std::path::Path;
    use ts_rs::{TS, TypeVisitor};

    mod there {
        #[derive(ts_rs::TS)]
        #[ts(export_to = "there.ts")]
        #[expect(dead_code, reason = "only its form is looked at")]
        pub(super) struct Both {
            name: String,
        }
    }

    #[derive(TS)]
    #[expect(dead_code, reason = "as above")]
    struct Both {
        number: u32,
    }

    #[derive(TS)]
    #[expect(dead_code, reason = "as above")]
    struct Pair<T> {
        one: T,
        boxed: Box<there::Both>,
    }

    #[test]
    fn two_types_of_one_name_are_an_error_and_one_type_twice_is_none() {
        let mut types = Types::new();
        types.visit::<Pair<u32>>();
        types.visit::<Pair<String>>();
        types.visit::<there::Both>();
        assert_eq!(types.differ(), Ok(()));
        types.visit::<Both>();
        let error = types.differ().unwrap_err();
        assert!(error.contains("called Both:"), "{error}");
    }

    #[test]
    fn the_committed_file_is_what_the_code_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/src/ipc/generated.ts");
        let generated = super::generated().unwrap();
        if std::env::var_os("AZORA_BLESS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &generated).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == generated,
            "ui/src/ipc/generated.ts is not what the code says; write it with AZORA_BLESS=1 cargo test -p api"
        );
    }
}
