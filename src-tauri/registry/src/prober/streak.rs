//! Several answers in a row, and what a check says after them.

use super::ask::Word;
use crate::check::Probe;
use model::view::Health;

/// The answers of one kind since the last of the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Streak {
    good: u32,
    bad: u32,
}

impl Streak {
    /// One more answer; gives what the check says then. `now` is what it says until then.
    pub(crate) fn take(&mut self, word: Word, probe: &Probe, now: Health) -> Health {
        match word {
            Word::Good | Word::Busy => {
                self.good = self.good.saturating_add(1);
                self.bad = 0;
                match word {
                    _ if self.good < probe.passes => now,
                    Word::Busy => Health::Warning,
                    _ => Health::Passing,
                }
            }
            Word::Bad => {
                self.bad = self.bad.saturating_add(1);
                self.good = 0;
                if self.bad >= probe.fails {
                    Health::Critical
                } else if self.bad >= probe.warns && now != Health::Critical {
                    Health::Warning
                } else {
                    now
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Target;
    use std::time::Duration;

    fn told(passes: u32, warns: u32, fails: u32, words: &str) -> String {
        let probe = Probe {
            target: Target::Tcp {
                address: "127.0.0.1:1".into(),
            },
            every: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            passes,
            warns,
            fails,
        };
        let mut streak = Streak::default();
        let mut now = Health::Critical;
        words
            .chars()
            .map(|word| {
                let word = match word {
                    '+' => Word::Good,
                    '~' => Word::Busy,
                    _ => Word::Bad,
                };
                now = streak.take(word, &probe, now);
                match now {
                    Health::Passing => 'p',
                    Health::Warning => 'w',
                    Health::Critical => 'c',
                }
            })
            .collect()
    }

    #[test]
    fn it_takes_as_many_in_a_row_as_was_said() {
        assert_eq!(told(1, 1, 1, "+-+~-"), "pcpwc");
        assert_eq!(told(3, 1, 1, "++-+++"), "ccccccp".get(1..).unwrap());
        assert_eq!(told(1, 3, 3, "+--+---"), "ppppppc");
        assert_eq!(told(1, 2, 4, "+-----+"), "ppwwccp");
        // What is critical does not become better by failing less often.
        assert_eq!(told(1, 1, 3, "---"), "ccc");
    }
}
