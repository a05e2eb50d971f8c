//! The text of a file of rules as single rules, so that one mistake hides no other and each has its place;
//! and how large each is, before anything that recurses looks at it.

use spec::Span;

/// One rule of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// From its first annotation to its `;`.
    pub(crate) span: Span,
    /// Words, texts and signs.
    pub(crate) tokens: usize,
    /// How many brackets are open at once, at most.
    pub(crate) depth: usize,
}

/// Where each rule is. What is behind the last `;` and is no comment is a rule that is not finished.
pub(crate) fn rules(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut rule: Option<Found> = None;
    let (mut open, mut in_word) = (0_usize, false);
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == '/' && matches!(chars.peek(), Some((_, '/'))) {
            while chars.next_if(|(_, c)| *c != '\n').is_some() {}
            in_word = false;
            continue;
        }
        if c.is_whitespace() {
            in_word = false;
            continue;
        }
        let this = rule.get_or_insert(Found {
            span: at..at,
            tokens: 0,
            depth: 0,
        });
        let word = c.is_alphanumeric() || c == '_';
        this.tokens += usize::from(!(word && in_word));
        in_word = word;
        match c {
            '"' => {
                while let Some((_, c)) = chars.next() {
                    match c {
                        '\\' => drop(chars.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '(' | '[' | '{' => {
                open += 1;
                this.depth = open.max(this.depth);
            }
            ')' | ']' | '}' => open = open.saturating_sub(1),
            ';' => {
                this.span.end = at + 1;
                open = 0;
                found.extend(rule.take());
            }
            _ => {}
        }
    }
    if let Some(mut rest) = rule {
        rest.span.end = text.trim_end().len().max(rest.span.start);
        found.push(rest);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_semicolon_ends_a_rule_unless_it_is_quoted_or_a_comment() {
        let text = "// a; b\n@says(\"x; \\\" ; y\")\npermit (a); // c;\n\n forbid(b);  more ";
        let found = rules(text);
        let texts: Vec<&str> = found.iter().map(|one| &text[one.span.clone()]).collect();
        assert_eq!(
            texts,
            ["@says(\"x; \\\" ; y\")\npermit (a);", "forbid(b);", "more"]
        );
        assert!(rules(" // nothing\n").is_empty());
        assert_eq!(rules("\"open; ").len(), 1);
        assert_eq!(rules(";")[0].span, 0..1);
    }

    #[test]
    fn a_rule_is_as_large_as_its_words_and_as_deep_as_its_brackets() {
        let size = |text: &str| (rules(text)[0].tokens, rules(text)[0].depth);
        assert_eq!(size("ab c_1 // x y\n \"a ( b\" ;"), (4, 0));
        assert_eq!(size("a.b+1 && [(x)] || (y);"), (18, 2));
        assert_eq!(size("(((("), (4, 4));
    }
}
