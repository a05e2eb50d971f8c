//! Where in a body something is. The body was parsed before, so it is JSON; what it says is not looked at.

use std::fmt;

/// From a value to one in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Under this key, as it is written.
    Key(String),
    Item(usize),
}

/// A line and a letter in it, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Where the value is that a path leads to.
pub(super) fn of(body: &[u8], path: &[Step]) -> Option<Place> {
    let mut scan = Scan { body, at: 0 };
    for step in path {
        scan.enter(step)?;
    }
    scan.blank();
    let before = body.get(..scan.at)?;
    let begin = before
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |at| at + 1);
    Some(Place {
        line: 1 + before.iter().filter(|b| **b == b'\n').count(),
        column: 1 + String::from_utf8_lossy(&before[begin..]).chars().count(),
    })
}

struct Scan<'a> {
    body: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn next(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    fn blank(&mut self) {
        while self.next().is_some_and(|b| b.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Before the value that this step leads to: of two under one key the last, which is the one that is read.
    fn enter(&mut self, step: &Step) -> Option<()> {
        self.blank();
        let (open, close) = match step {
            Step::Key(_) => (b'{', b'}'),
            Step::Item(_) => (b'[', b']'),
        };
        (self.next()? == open).then_some(())?;
        self.at += 1;
        let mut last = None;
        for nth in 0.. {
            self.blank();
            if self.next()? == close {
                break;
            }
            let found = match step {
                Step::Item(n) => nth == *n,
                Step::Key(wanted) => {
                    let begin = self.at;
                    self.text();
                    let key = self.body.get(begin..self.at)?;
                    self.blank();
                    // The colon.
                    self.at += 1;
                    serde_json::from_slice::<String>(key).ok().as_ref() == Some(wanted)
                }
            };
            if found {
                last = Some(self.at);
            }
            self.skip();
            self.blank();
            if self.next()? == b',' {
                self.at += 1;
            }
        }
        self.at = last?;
        Some(())
    }

    /// Behind a text that begins here.
    fn text(&mut self) {
        self.at += 1;
        while let Some(byte) = self.next() {
            self.at += match byte {
                b'\\' => 2,
                _ => 1,
            };
            if byte == b'"' {
                return;
            }
        }
    }

    /// Behind the value that begins here.
    fn skip(&mut self) {
        let mut depth = 0_usize;
        self.blank();
        while let Some(byte) = self.next() {
            match byte {
                b'"' => {
                    self.text();
                    if depth == 0 {
                        return;
                    }
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' | b',' if depth == 0 => return,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return;
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_found_where_it_stands() {
        let body = "{\"a\\u0062\": [1, {\"x\": \"}]\\\"\"}, \"é\"],\n  \"c\" : {\"d\": [[], {}],\n\t\"e\":2 } }";
        let key = |key: &str| Step::Key(key.to_owned());
        let item = Step::Item;
        for (path, place) in [
            (vec![], (1, 1)),
            (vec![key("ab")], (1, 13)),
            (vec![key("ab"), item(0)], (1, 14)),
            (vec![key("ab"), item(1), key("x")], (1, 23)),
            (vec![key("ab"), item(2)], (1, 32)),
            (vec![key("c")], (2, 9)),
            (vec![key("c"), key("d"), item(1)], (2, 20)),
            (vec![key("c"), key("e")], (3, 6)),
        ] {
            let (line, column) = place;
            let found = of(body.as_bytes(), &path);
            assert_eq!(found, Some(Place { line, column }), "{path:?}");
        }
        for path in [vec![key("z")], vec![key("ab"), item(3)], vec![item(0)]] {
            assert_eq!(of(body.as_bytes(), &path), None, "{path:?}");
        }
        // The last of two is the one that counts.
        let twice = of(br#"{"a": 1, "b": {}, "a": 2, "c": 3}"#, &[key("a")]);
        assert_eq!(twice.map(|place| place.column), Some(24));
        // Nothing is taken for granted of what is no JSON.
        for body in ["", "{", "{\"a", "{\"a\":", "{\"a\":\"\\", "[[["] {
            assert_eq!(of(body.as_bytes(), &[key("b"), item(1)]), None, "{body}");
        }
    }
}
