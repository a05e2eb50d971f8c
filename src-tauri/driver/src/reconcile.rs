//! What becomes of an instance that is met again: from what was wanted, what is on record, what its
//! shim says and what lives, to one running copy or none. Pure: [`crate::adopt`] gathers the facts
//! and does what is decided here.
//!
//! | wanted | shim | on record | its process | becomes |
//! |---|---|---|---|---|
//! | nothing, ever | – | – | – | absent |
//! | in another boot | – | ended | – | told as it ended |
//! | in another boot | – | made | – | told as ended, how is unknown |
//! | in another boot | – | nothing, or it failed | – | absent |
//! | in this one | says it runs | – | – | adopted |
//! | in this one | says nothing | made | lives | adopted |
//! | in this one | gone | made | lives | adopted, marked as without shim |
//! | in this one, newer than that end | no word of a run | ended well | – | cleared, absent: it was to run again |
//! | in this one | no word of a run | ended | – | cleared, told as it ended |
//! | in this one | no word of a run | made | gone | cleared, told as ended, how is unknown |
//! | in this one | no word of a run | nothing, or it failed | – | cleared, absent |
//!
//! "Lives" is always boot id, pid and start time together, and no foreign nonce. "Cleared" ends
//! whatever is in the control group, descends from the shim or carries the nonce, and the shim: so
//! these need no columns, they never outlive a row that does not adopt. How something ended comes
//! from the record or is unknown; it is never made up.

use model::{ExitStatus, Generation};

/// The shim of the newest start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeper {
    /// There is none, or not any more.
    Gone,
    /// It lives and has nothing to say about a running process.
    Silent,
    /// It lives and says that this start runs.
    Keeps(Generation),
}

/// The newest start on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// No process was made.
    Nothing,
    /// One was made and did not become the program.
    Failed,
    /// One was made; no end was seen.
    Made(Generation),
    /// It ended.
    Ended(Generation, ExitStatus),
}

/// All that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The start that was wanted last, and whether that was in this boot.
    pub(crate) wanted: Option<(Generation, bool)>,
    pub(crate) keeper: Keeper,
    pub(crate) recorded: Recorded,
    /// The process on record lives.
    pub(crate) lives: bool,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As if it had not been asked for. `clear`: what may be left of an attempt is ended first.
    Absent { clear: bool },
    /// It has ended. `clear`: what may be left of its tree is ended before that is told.
    Ended {
        generation: Generation,
        status: ExitStatus,
        clear: bool,
    },
    /// It runs and is taken over.
    Adopt {
        generation: Generation,
        shim_lost: bool,
    },
}

/// See the module.
pub(crate) fn reconcile(facts: &Facts) -> Verdict {
    let Some((wanted, this_boot)) = facts.wanted else {
        return Verdict::Absent { clear: false };
    };
    if this_boot {
        if let Keeper::Keeps(generation) = facts.keeper {
            return Verdict::Adopt {
                generation,
                shim_lost: false,
            };
        }
        if let (Recorded::Made(generation), true) = (facts.recorded, facts.lives) {
            return Verdict::Adopt {
                generation,
                shim_lost: facts.keeper == Keeper::Gone,
            };
        }
    }
    let clear = this_boot;
    match facts.recorded {
        Recorded::Nothing | Recorded::Failed => Verdict::Absent { clear },
        Recorded::Ended(generation, status)
            if this_boot && generation < wanted && status.success() =>
        {
            Verdict::Absent { clear }
        }
        Recorded::Made(generation) => Verdict::Ended {
            generation,
            status: ExitStatus::Unknown,
            clear,
        },
        Recorded::Ended(generation, status) => Verdict::Ended {
            generation,
            status,
            clear,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every combination there is, with two generations so that mixing them up would show.
    fn all() -> Vec<Facts> {
        let (one, two) = (Generation(1), Generation(2));
        let mut all = Vec::new();
        for wanted in [None, Some((two, false)), Some((two, true))] {
            for keeper in [Keeper::Gone, Keeper::Silent, Keeper::Keeps(two)] {
                for recorded in [
                    Recorded::Nothing,
                    Recorded::Failed,
                    Recorded::Made(one),
                    Recorded::Made(two),
                    Recorded::Ended(one, ExitStatus::Code(0)),
                    Recorded::Ended(one, ExitStatus::Code(3)),
                    Recorded::Ended(two, ExitStatus::Code(0)),
                    Recorded::Ended(two, ExitStatus::Signal(9)),
                ] {
                    for lives in [false, true] {
                        all.push(Facts {
                            wanted,
                            keeper,
                            recorded,
                            lives,
                        });
                    }
                }
            }
        }
        all
    }

    /// The module's table, in the order in which its rows are tried.
    fn row(facts: &Facts) -> Verdict {
        use Keeper::{Gone, Keeps, Silent};
        use Recorded::{Ended, Failed, Made, Nothing};
        let one = Generation(1);
        let wanted = facts.wanted.map(|(_, this_boot)| this_boot);
        match (wanted, facts.keeper, facts.recorded, facts.lives) {
            (None, _, _, _) => Verdict::Absent { clear: false },
            (Some(false), _, Nothing | Failed, _) => Verdict::Absent { clear: false },
            (Some(false), _, Made(generation), _) => Verdict::Ended {
                generation,
                status: ExitStatus::Unknown,
                clear: false,
            },
            (Some(false), _, Ended(generation, status), _) => Verdict::Ended {
                generation,
                status,
                clear: false,
            },
            (Some(true), Keeps(generation), _, _) => Verdict::Adopt {
                generation,
                shim_lost: false,
            },
            (Some(true), Silent, Made(generation), true) => Verdict::Adopt {
                generation,
                shim_lost: false,
            },
            (Some(true), Gone, Made(generation), true) => Verdict::Adopt {
                generation,
                shim_lost: true,
            },
            (Some(true), Gone | Silent, Ended(generation, ExitStatus::Code(0)), _)
                if generation == one =>
            {
                Verdict::Absent { clear: true }
            }
            (Some(true), Gone | Silent, Ended(generation, status), _) => Verdict::Ended {
                generation,
                status,
                clear: true,
            },
            (Some(true), Gone | Silent, Made(generation), false) => Verdict::Ended {
                generation,
                status: ExitStatus::Unknown,
                clear: true,
            },
            (Some(true), Gone | Silent, Nothing | Failed, _) => Verdict::Absent { clear: true },
        }
    }

    #[test]
    fn every_combination_has_its_row() {
        let all = all();
        assert_eq!(all.len(), 3 * 3 * 8 * 2);
        for facts in all {
            assert_eq!(reconcile(&facts), row(&facts), "{facts:?}");
        }
    }

    #[test]
    fn nothing_is_adopted_from_another_boot_nothing_made_up_and_nothing_left_beside_a_verdict() {
        let this_boot = |facts: &Facts| facts.wanted.is_some_and(|(_, this_boot)| this_boot);
        for facts in all() {
            match reconcile(&facts) {
                Verdict::Adopt { generation, .. } => {
                    assert!(this_boot(&facts), "{facts:?}");
                    let kept = facts.keeper == Keeper::Keeps(generation);
                    let lives = facts.lives && facts.recorded == Recorded::Made(generation);
                    assert!(kept || lives, "{facts:?}");
                }
                Verdict::Ended {
                    generation,
                    status,
                    clear,
                } => {
                    assert_eq!(clear, this_boot(&facts), "{facts:?}");
                    let known = facts.recorded == Recorded::Ended(generation, status);
                    assert!(known || status == ExitStatus::Unknown, "{facts:?}");
                }
                Verdict::Absent { clear } => {
                    assert_eq!(clear, this_boot(&facts), "{facts:?}");
                    let told = match facts.recorded {
                        Recorded::Made(_) => true,
                        Recorded::Ended(generation, status) => {
                            generation == Generation(2) || !status.success()
                        }
                        Recorded::Nothing | Recorded::Failed => false,
                    };
                    assert!(!told || facts.wanted.is_none(), "{facts:?}");
                }
            }
        }
    }
}
