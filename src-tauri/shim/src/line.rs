//! The lines of a record and of the control socket.

use std::fmt;

/// What a shim says: into its record, and to everyone who is connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A shim began its work here. Also the greeting on a new connection.
    Shim {
        /// Its process.
        pid: u32,
        /// When that started, in clock ticks since boot.
        start_ticks: u64,
        /// The boot.
        boot_id: String,
        /// Its random number.
        nonce: String,
    },
    /// The service's own process was made. In the record: it may still fail to become the program;
    /// on the socket: it became it.
    Started {
        /// Which start.
        generation: u64,
        /// The service's own process.
        pid: u32,
        /// When that started, in clock ticks since boot.
        start_ticks: u64,
        /// Wall time in Unix milliseconds.
        at: u64,
    },
    /// The program could not be started.
    Failed {
        /// Which start.
        generation: u64,
        /// The system's error number.
        errno: i32,
        /// What failed.
        step: Step,
    },
    /// The service's own process ended; others of its tree may still be there.
    Exited {
        /// Which start.
        generation: u64,
        /// How.
        end: End,
        /// Wall time in Unix milliseconds.
        at: u64,
        /// The kernel had just killed something of it for want of memory.
        out_of_memory: Option<OutOfMemory>,
    },
    /// It said something about itself. Only readiness is in the record.
    Told {
        /// Which start.
        generation: u64,
        /// What.
        told: Told,
    },
    /// Nothing is left of the tree. Only on the socket.
    Gone {
        /// Which start.
        generation: u64,
    },
    /// The answer to [`Command::Terminal`], to nobody but who asked: with it goes a duplicate of the
    /// terminal's master end, or none where there is no terminal just now.
    Terminal {
        /// Which start.
        generation: u64,
    },
}

/// Longest text of a service's own, in bytes.
pub const MAX_STATUS: usize = 160;

/// What a service says of itself, as `sd_notify` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// `READY=1`.
    Ready,
    /// `RELOADING=1`.
    Reloading,
    /// `STOPPING=1`.
    Stopping,
    /// `WATCHDOG=1`, a few times a second at most.
    Alive,
    /// `STATUS=…`, in one line.
    Status(String),
    /// `EXTEND_TIMEOUT_USEC=…`.
    Extend(u64),
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Told::Ready => f.write_str("ready"),
            Told::Reloading => f.write_str("reloading"),
            Told::Stopping => f.write_str("stopping"),
            Told::Alive => f.write_str("alive"),
            Told::Status(text) => write!(f, "status {text}"),
            Told::Extend(micros) => write!(f, "extend {micros}"),
        }
    }
}

impl Told {
    fn parse(text: &str) -> Option<Told> {
        Some(match text.split_once(' ') {
            Some(("status", text)) => Told::Status(text.to_owned()),
            Some(("extend", micros)) => Told::Extend(micros.parse().ok()?),
            Some(_) => return None,
            None => match text {
                "ready" => Told::Ready,
                "reloading" => Told::Reloading,
                "stopping" => Told::Stopping,
                "alive" => Told::Alive,
                _ => return None,
            },
        })
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

/// Whose memory had run out when the kernel killed something of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutOfMemory {
    /// What its own control group may use.
    OwnLimit,
    /// The machine's, or that of a group above its own.
    Machine,
}

impl OutOfMemory {
    fn as_str(self) -> &'static str {
        match self {
            OutOfMemory::OwnLimit => "own-limit",
            OutOfMemory::Machine => "machine",
        }
    }
    fn from_word(word: &str) -> Option<OutOfMemory> {
        [OutOfMemory::OwnLimit, OutOfMemory::Machine]
            .into_iter()
            .find(|known| known.as_str() == word)
    }
}

macro_rules! steps {
    ($($(#[$doc:meta])* $step:ident = $number:literal $word:literal $said:literal;)*) => {
        /// Where between the fork and the program a start can fail.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Step { $($(#[$doc])* $step = $number,)* }
        impl Step {
            /// The word in a line.
            pub fn as_str(self) -> &'static str {
                match self { $(Step::$step => $word,)* }
            }
            /// Reads "failed to …".
            pub fn said(self) -> &'static str {
                match self { $(Step::$step => $said,)* }
            }
            /// The step of that number.
            pub fn from_number(number: u8) -> Option<Step> {
                match number { $($number => Some(Step::$step),)* _ => None }
            }
            fn from_word(word: &str) -> Option<Step> {
                match word { $($word => Some(Step::$step),)* _ => None }
            }
        }
    };
}
steps! {
    /// Reading the intent.
    Intent = 1 "intent" "read the intent";
    /// Opening the log.
    Log = 2 "log" "open the log";
    /// Making the process.
    Fork = 3 "fork" "make a process";
    /// Connecting output to the log.
    Output = 4 "output" "connect the output to the log";
    /// Becoming the user.
    User = 5 "user" "become the user";
    /// Entering the working folder.
    Folder = 6 "folder" "enter the working folder";
    /// Giving back the open-file limit, and setting those of its own.
    Limit = 7 "limit" "set its limits";
    /// Executing the program.
    Execute = 8 "execute" "execute the program";
    /// Opening the control socket.
    Socket = 9 "socket" "open the control socket";
    /// An emergency stop is in force: nothing was tried.
    Hold = 10 "hold" "start while an emergency stop is in force";
    /// Taking the listening sockets over, or giving them on.
    Listen = 20 "listen" "hand over the listening sockets";
    /// Making the socket it says how it is to.
    Notify = 22 "notify" "make the notify socket";
    /// Making the service's terminal.
    Terminal = 21 "terminal" "make a terminal";
    /// Joining a control group that holds a limit.
    Group = 11 "group" "join its control group";
}

impl fmt::Display for Line {
    /// Without the line end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Shim {
                pid,
                start_ticks,
                boot_id,
                nonce,
            } => {
                write!(
                    f,
                    "shim {} {pid} {start_ticks} {boot_id} {nonce}",
                    crate::VERSION
                )
            }
            Line::Started {
                generation,
                pid,
                start_ticks,
                at,
            } => {
                write!(f, "started {generation} {pid} {start_ticks} {at}")
            }
            Line::Failed {
                generation,
                errno,
                step,
            } => {
                write!(f, "failed {generation} {errno} {}", step.as_str())
            }
            Line::Exited {
                generation,
                end,
                at,
                out_of_memory,
            } => {
                let (kind, number) = match end {
                    End::Code(code) => ("code", code),
                    End::Signal(signal) => ("signal", signal),
                };
                write!(f, "exited {generation} {kind} {number} {at}")?;
                match out_of_memory {
                    Some(whose) => write!(f, " out-of-memory {}", whose.as_str()),
                    None => Ok(()),
                }
            }
            Line::Told { generation, told } => write!(f, "told {generation} {told}"),
            Line::Gone { generation } => write!(f, "gone {generation}"),
            Line::Terminal { generation } => write!(f, "terminal {generation}"),
        }
    }
}

impl Line {
    /// Reads a line without its end. `None` for anything else: a torn last line, a later version.
    pub fn parse(text: &str) -> Option<Line> {
        if let Some(told) = text.strip_prefix("told ") {
            let (generation, told) = told.split_once(' ')?;
            return Some(Line::Told {
                generation: generation.parse().ok()?,
                told: Told::parse(told)?,
            });
        }
        let mut words = text.split(' ');
        let kind = words.next()?;
        let line = {
            let mut word = || words.next();
            match kind {
                "shim" => {
                    if word()?.parse::<u32>().ok()? != crate::VERSION {
                        return None;
                    }
                    Line::Shim {
                        pid: word()?.parse().ok()?,
                        start_ticks: word()?.parse().ok()?,
                        boot_id: word()?.to_owned(),
                        nonce: word()?.to_owned(),
                    }
                }
                "started" => Line::Started {
                    generation: word()?.parse().ok()?,
                    pid: word()?.parse().ok()?,
                    start_ticks: word()?.parse().ok()?,
                    at: word()?.parse().ok()?,
                },
                "failed" => Line::Failed {
                    generation: word()?.parse().ok()?,
                    errno: word()?.parse().ok()?,
                    step: Step::from_word(word()?)?,
                },
                "exited" => Line::Exited {
                    generation: word()?.parse().ok()?,
                    end: match word()? {
                        "code" => End::Code(word()?.parse().ok()?),
                        "signal" => End::Signal(word()?.parse().ok()?),
                        _ => return None,
                    },
                    at: word()?.parse().ok()?,
                    out_of_memory: match word() {
                        None => None,
                        Some("out-of-memory") => Some(OutOfMemory::from_word(word()?)?),
                        Some(_) => return None,
                    },
                },
                "gone" => Line::Gone {
                    generation: word()?.parse().ok()?,
                },
                "terminal" => Line::Terminal {
                    generation: word()?.parse().ok()?,
                },
                _ => return None,
            }
        };
        words.next().is_none().then_some(line)
    }
}

/// What a shim is told on its socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Run the identical command again as this generation, once nothing is left of the last one.
    Again(u64),
    /// End what is left of this generation, its own process included.
    Sweep(u64),
    /// Exit, once nothing is left. Not heard while the service's own process lives.
    Quit,
    /// Lend the terminal's master end to who asks, to be written to and not read from.
    Terminal,
}

/// Longest command line: a word, a blank, twenty digits.
pub const MAX_COMMAND: usize = 32;

impl fmt::Display for Command {
    /// Without the line end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Command::Again(generation) => write!(f, "again {generation}"),
            Command::Sweep(generation) => write!(f, "sweep {generation}"),
            Command::Quit => f.write_str("quit"),
            Command::Terminal => f.write_str("terminal"),
        }
    }
}

impl Command {
    /// Reads a command without its line end.
    pub fn parse(text: &str) -> Option<Command> {
        match text.split_once(' ') {
            Some(("again", generation)) => generation.parse().ok().map(Command::Again),
            Some(("sweep", generation)) => generation.parse().ok().map(Command::Sweep),
            None if text == "quit" => Some(Command::Quit),
            None if text == "terminal" => Some(Command::Terminal),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(told: Told) -> Line {
        Line::Told {
            generation: 5,
            told,
        }
    }

    #[test]
    fn lines_read_back_as_written() {
        for line in [
            Line::Shim {
                pid: 7,
                start_ticks: 8,
                boot_id: "b-1".into(),
                nonce: "ff".into(),
            },
            Line::Started {
                generation: 1,
                pid: 9,
                start_ticks: 10,
                at: 11,
            },
            Line::Failed {
                generation: 1,
                errno: 2,
                step: Step::Execute,
            },
            Line::Exited {
                generation: 1,
                end: End::Code(3),
                at: 12,
                out_of_memory: Some(OutOfMemory::Machine),
            },
            Line::Exited {
                generation: 1,
                end: End::Signal(9),
                at: 12,
                out_of_memory: None,
            },
            Line::Exited {
                generation: 1,
                end: End::Signal(9),
                at: 12,
                out_of_memory: Some(OutOfMemory::OwnLimit),
            },
            Line::Gone { generation: 4 },
            Line::Terminal { generation: 4 },
            told(Told::Ready),
            told(Told::Alive),
            told(Told::Reloading),
            told(Told::Stopping),
            told(Told::Extend(7)),
            told(Told::Status("reading 7 of 9 files".into())),
            told(Told::Status(String::new())),
        ] {
            assert_eq!(Line::parse(&line.to_string()), Some(line));
        }
    }

    #[test]
    fn torn_and_foreign_lines_are_none() {
        for text in [
            "",
            "started",
            "started 1 2",
            "exited 1 code",
            "exited 1 code x 2",
            "exited 1 code 1 2 out-of-memory",
            "exited 1 code 1 2 out-of-memory moon",
            "exited 1 code 1 2 3",
            "gone 1 2",
            "shim 2 1 1 b n",
            "failed 1 2 moon",
            "told 1",
            "told ready",
            "told 1 happy",
            "told 1 ready 2",
            "told 1 extend x",
        ] {
            assert_eq!(Line::parse(text), None, "{text}");
        }
    }

    #[test]
    fn commands_read_back_as_written() {
        for command in [
            Command::Again(u64::MAX),
            Command::Sweep(2),
            Command::Quit,
            Command::Terminal,
        ] {
            assert_eq!(Command::parse(&command.to_string()), Some(command));
            assert!(command.to_string().len() <= MAX_COMMAND);
        }
        assert_eq!(Command::parse("quit 1"), None);
    }
}
