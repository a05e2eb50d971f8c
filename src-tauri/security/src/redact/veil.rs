//! A text that is edited while its secrets are hidden: each has a number in its place, and comes back by it.

use super::Redactor;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The place of the secret of this number.
fn place(number: usize) -> String {
    format!("•••{number}•••")
}

impl Redactor {
    /// The text with a numbered mask in the place of each secret. What is a secret is told by line, so that the
    /// text of an older edit has the same numbers for the same secrets.
    pub fn veil(&self, text: &str) -> String {
        self.veiled(text).0
    }

    /// An edit of what [`Redactor::veil`] made of `before`, with the secrets back in their places.
    pub fn unveil(&self, before: &str, edited: &str) -> String {
        let (_, secrets) = self.veiled(before);
        let mut text = edited.to_owned();
        for (secret, number) in secrets {
            text = text.replace(&place(number), &secret);
        }
        text
    }

    /// By which the places are known again that [`Redactor::veil`] makes in this text now: where more or fewer secrets
    /// are known, others may have the same numbers.
    pub fn places(&self, text: &str) -> String {
        let spans = super::merged(text, self.spans(text, |known| known.fields.as_ref()));
        let mut hasher = DefaultHasher::new();
        for span in spans {
            (span.start, span.end).hash(&mut hasher);
        }
        format!("{:x}", hasher.finish())
    }

    /// There is a place of a secret in it.
    pub fn has_place(text: &str) -> bool {
        let between: Vec<&str> = text.split(super::MASK).collect();
        let between = between.get(1..between.len() - 1).unwrap_or_default();
        let number = |one: &str| !one.is_empty() && one.bytes().all(|b| b.is_ascii_digit());
        between.iter().any(|one| number(one))
    }

    fn veiled(&self, text: &str) -> (String, BTreeMap<String, usize>) {
        let mut secrets: BTreeMap<String, usize> = BTreeMap::new();
        let mut shown = String::with_capacity(text.len());
        let mut next = 1;
        let mut at = 0;
        for span in super::merged(text, self.spans(text, |known| known.fields.as_ref())) {
            shown.push_str(&text[at..span.start]);
            let secret = &text[span.clone()];
            let number = *secrets.entry(secret.to_owned()).or_insert_with(|| {
                while text.contains(&place(next)) {
                    next += 1;
                }
                next += 1;
                next - 1
            });
            shown.push_str(&place(number));
            at = span.end;
        }
        shown.push_str(&text[at..]);
        (shown, secrets)
    }
}
