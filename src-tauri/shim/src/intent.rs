//! The intent: what the driver wants a shim to run, whole and durable before the fork.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Largest intent. Linux passes at most 2 MiB of arguments and environment to a program (a quarter
/// of the default 8 MiB stack); escaping can at worst double it.
pub const MAX: u64 = 4 * 1024 * 1024;

/// What is to run, and as whom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Intent {
    /// Which start of the instance this is.
    pub generation: u64,
    /// The boot in which it was written.
    pub boot_id: String,
    /// The shim's random number: 32 hex digits.
    pub nonce: String,
    /// Which cluster, for people who read the file.
    pub cluster: String,
    /// Which instance, for people who read the file.
    pub instance: String,
    /// Where output is appended.
    pub log: String,
    /// Where (time, size) of the log is appended.
    pub index: String,
    /// Where each start's beginning in the log, and its first error, are noted; see [`crate::runs`].
    pub runs: Option<String>,
    /// So many of the log's newest bytes are kept; `None` keeps all.
    pub keep: Option<u64>,
    /// Folder of the instance's control group of version 2, when there is one.
    pub cgroup: Option<String>,
    /// Folders of the control groups that hold a limit: what cannot be put into them is not run.
    pub groups: Vec<String>,
    /// Memory it may use in bytes, and the folder of the group that holds it to that and counts
    /// what the kernel kills.
    pub memory: Option<(u64, String)>,
    /// While this file is there nothing is started: the mark of an emergency stop.
    pub hold: Option<String>,
    /// Working folder.
    pub cwd: String,
    /// User, group and supplementary groups to become; `None` stays as it is.
    pub user: Option<(u32, u32, Vec<u32>)>,
    /// Soft and hard limit of open files to give back; `None` leaves the shim's.
    pub nofile: Option<(u64, u64)>,
    /// Other limits of each process.
    pub rlimits: Vec<(Resource, u64)>,
    /// File mode mask.
    pub umask: u32,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The whole environment, but for the secrets.
    pub env: BTreeMap<String, String>,
    /// Variables whose values come through the shim's standard output instead (see
    /// [`crate::secrets`]), with a keyed hash of each: enough to know that it is the same again.
    pub secrets: BTreeMap<String, String>,
    /// Where variables come from, for people who ask; the terminal's are left out.
    pub origins: BTreeMap<String, String>,
    /// The listening sockets it is handed, as descriptors 3, 4, … in this order.
    pub listen: Vec<Listen>,
    /// It gets a terminal of its own, whose output the shim appends to the log.
    pub tty: bool,
    /// Where it says how it is: a path, or after an `@` a name that is no file.
    pub notify: Option<String>,
}

/// Listening sockets a service can be handed, at most.
pub const MAX_LISTEN: usize = 8;

/// A listening socket. The socket itself comes over the shim's standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// How the service knows it, in `LISTEN_FDNAMES`.
    pub name: String,
    /// Its port, on 127.0.0.1.
    pub port: u16,
}

/// What a process can be limited in for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Bytes it may allocate: `RLIMIT_DATA`.
    Data,
    /// Processes and threads of its user, all together: `RLIMIT_NPROC`.
    Processes,
}

impl Resource {
    fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Processes => "nproc",
        }
    }
    fn from_word(word: &str) -> Option<Self> {
        [Self::Data, Self::Processes]
            .into_iter()
            .find(|resource| resource.as_str() == word)
    }
}

/// Why a text is not an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntentError {
    /// Not our file, or of a version we do not know.
    Version,
    /// It does not end with its last line: the writer was cut off.
    CutOff,
    /// This line has not its form, or holds a zero byte.
    Line(usize),
    /// No program is named.
    NoProgram,
}

impl std::fmt::Display for IntentError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version => f.write_str("it is not an intent of a known version"),
            Self::CutOff => f.write_str("it is cut off"),
            Self::Line(line) => write!(f, "line {line} has not the form of an intent"),
            Self::NoProgram => f.write_str("it names no program"),
        }
    }
}
impl std::error::Error for IntentError {}

impl Intent {
    /// True when both would run the same thing the same way, whichever start they are.
    pub fn same_but_generation(&self, other: &Intent) -> bool {
        self.boot_id == other.boot_id
            && self.nonce == other.nonce
            && self.log == other.log
            && self.keep == other.keep
            && self.cgroup == other.cgroup
            && self.groups == other.groups
            && self.memory == other.memory
            && self.hold == other.hold
            && self.cwd == other.cwd
            && self.user == other.user
            && self.nofile == other.nofile
            && self.rlimits == other.rlimits
            && self.umask == other.umask
            && self.argv == other.argv
            && self.env == other.env
            && self.listen == other.listen
            && self.tty == other.tty
            && self.notify == other.notify
            && self.secrets == other.secrets
    }

    /// Every control group it is put into, the one of version 2 first.
    pub fn all_groups(&self) -> impl Iterator<Item = &str> {
        let tree = self.cgroup.as_deref();
        let others = self.groups.iter().map(String::as_str);
        tree.into_iter()
            .chain(others.filter(move |group| Some(*group) != tree))
    }

    /// The file's text.
    pub fn encode(&self) -> String {
        let mut text = format!("azora-intent {}\n", crate::VERSION);
        let mut line = |key: &str, value: &str| {
            text.push_str(key);
            text.push(' ');
            for c in value.chars() {
                match c {
                    '\\' => text.push_str("\\\\"),
                    '\n' => text.push_str("\\n"),
                    c => text.push(c),
                }
            }
            text.push('\n');
        };
        // Always as long, so that another one can be put in its place.
        line("generation", &format!("{:020}", self.generation));
        line("boot", &self.boot_id);
        line("nonce", &self.nonce);
        line("cluster", &self.cluster);
        line("instance", &self.instance);
        line("log", &self.log);
        line("index", &self.index);
        if let Some(runs) = &self.runs {
            line("runs", runs);
        }
        if let Some(keep) = self.keep {
            line("keep", &keep.to_string());
        }
        if let Some(cgroup) = &self.cgroup {
            line("cgroup", cgroup);
        }
        for group in &self.groups {
            line("group", group);
        }
        if let Some((limit, group)) = &self.memory {
            line("memory", &format!("{limit} {group}"));
        }
        if let Some(hold) = &self.hold {
            line("hold", hold);
        }
        line("cwd", &self.cwd);
        if let Some((uid, gid, groups)) = &self.user {
            let mut ids = format!("{uid} {gid}");
            for group in groups {
                // Writing to a String cannot fail.
                let _ = write!(ids, " {group}");
            }
            line("user", &ids);
        }
        if let Some((soft, hard)) = self.nofile {
            line("nofile", &format!("{soft} {hard}"));
        }
        for (resource, most) in &self.rlimits {
            line("rlimit", &format!("{} {most}", resource.as_str()));
        }
        line("umask", &format!("{:o}", self.umask));
        for Listen { name, port } in &self.listen {
            line("listen", &format!("{port} {name}"));
        }
        if self.tty {
            line("tty", "yes");
        }
        if let Some(notify) = &self.notify {
            line("notify", notify);
        }
        for arg in &self.argv {
            line("arg", arg);
        }
        for (key, value) in &self.env {
            line("env", &format!("{key}={value}"));
        }
        for (key, hash) in &self.secrets {
            line("secret", &format!("{key}={hash}"));
        }
        for (key, origin) in &self.origins {
            line("from", &format!("{key}={origin}"));
        }
        text.push_str("end\n");
        text
    }

    /// Reads a file's text back.
    pub fn decode(text: &str) -> Result<Intent, IntentError> {
        let body = text
            .strip_prefix(&format!("azora-intent {}\n", crate::VERSION))
            .ok_or(IntentError::Version)?;
        let body = body.strip_suffix("end\n").ok_or(IntentError::CutOff)?;
        let mut intent = Intent::default();
        for (at, line) in body.lines().enumerate() {
            let bad = || IntentError::Line(at + 2);
            let (key, value) = line.split_once(' ').ok_or_else(bad)?;
            if value.contains('\0') {
                return Err(bad());
            }
            let value = unescape(value).ok_or_else(bad)?;
            match key {
                "generation" => intent.generation = value.parse().map_err(|_| bad())?,
                "boot" => intent.boot_id = value,
                "nonce" => intent.nonce = value,
                "cluster" => intent.cluster = value,
                "instance" => intent.instance = value,
                "log" => intent.log = value,
                "index" => intent.index = value,
                "runs" => intent.runs = Some(value),
                "keep" => intent.keep = Some(value.parse().map_err(|_| bad())?),
                "cgroup" => intent.cgroup = Some(value),
                "group" => intent.groups.push(value),
                "memory" => {
                    let (limit, group) = value.split_once(' ').ok_or_else(bad)?;
                    let limit = limit.parse().map_err(|_| bad())?;
                    intent.memory = Some((limit, group.to_owned()));
                }
                "hold" => intent.hold = Some(value),
                "cwd" => intent.cwd = value,
                "user" => {
                    let ids: Result<Vec<u32>, _> = value.split(' ').map(str::parse).collect();
                    let ids = ids.map_err(|_| bad())?;
                    let [uid, gid, groups @ ..] = ids.as_slice() else {
                        return Err(bad());
                    };
                    intent.user = Some((*uid, *gid, groups.to_vec()));
                }
                "nofile" => {
                    let (soft, hard) = value.split_once(' ').ok_or_else(bad)?;
                    intent.nofile = Some((
                        soft.parse().map_err(|_| bad())?,
                        hard.parse().map_err(|_| bad())?,
                    ));
                }
                "rlimit" => {
                    let (resource, most) = value.split_once(' ').ok_or_else(bad)?;
                    let resource = Resource::from_word(resource).ok_or_else(bad)?;
                    let most = most.parse().map_err(|_| bad())?;
                    intent.rlimits.push((resource, most));
                }
                "umask" => {
                    intent.umask = u32::from_str_radix(&value, 8).map_err(|_| bad())?;
                }
                "listen" => {
                    let (port, name) = value.split_once(' ').ok_or_else(bad)?;
                    let port = port.parse().map_err(|_| bad())?;
                    if intent.listen.len() == MAX_LISTEN {
                        return Err(bad());
                    }
                    let name = name.to_owned();
                    intent.listen.push(Listen { name, port });
                }
                "tty" => intent.tty = value == "yes",
                "notify" => intent.notify = Some(value),
                "arg" => intent.argv.push(value),
                "env" | "secret" | "from" => {
                    let (name, value) = value.split_once('=').ok_or_else(bad)?;
                    let all = match key {
                        "env" => &mut intent.env,
                        "secret" => &mut intent.secrets,
                        _ => &mut intent.origins,
                    };
                    all.insert(name.to_owned(), value.to_owned());
                }
                // A word of a later version that this one can do without.
                _ => {}
            }
        }
        if intent.argv.is_empty() {
            return Err(IntentError::NoProgram);
        }
        Ok(intent)
    }
}

fn unescape(value: &str) -> Option<String> {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        text.push(match c {
            '\\' => match chars.next()? {
                'n' => '\n',
                '\\' => '\\',
                _ => return None,
            },
            c => c,
        });
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Intent {
        Intent {
            generation: 3,
            boot_id: "b".into(),
            nonce: "00ff".into(),
            cluster: "shop-00000000".into(),
            instance: "db.0".into(),
            log: "/h/log".into(),
            index: "/h/log.idx".into(),
            runs: Some("/h/log.runs".into()),
            keep: Some(64 << 20),
            cgroup: Some("/sys/fs/cgroup/x".into()),
            groups: vec![
                "/sys/fs/cgroup/memory/a b".into(),
                "/sys/fs/cgroup/x".into(),
            ],
            memory: Some((64_000_000, "/sys/fs/cgroup/memory/a b".into())),
            hold: Some("/h/emergency".into()),
            cwd: "/a folder".into(),
            user: Some((101, 104, vec![104, 7])),
            nofile: Some((1024, 20000)),
            rlimits: vec![(Resource::Data, 1 << 30), (Resource::Processes, 7)],
            umask: 0o022,
            argv: vec![
                "sh".into(),
                "-c".into(),
                "echo a\\\n b".into(),
                String::new(),
            ],
            env: [("A".to_owned(), "x=y\nz".to_owned())].into(),
            listen: vec![
                Listen {
                    name: "shared".into(),
                    port: 8080,
                },
                Listen {
                    name: "own".into(),
                    port: 20_001,
                },
            ],
            tty: true,
            notify: Some("/h/run/notify".into()),
            secrets: [("T".to_owned(), "00ff".to_owned())].into(),
            origins: [("A".to_owned(), ".env:3".to_owned())].into(),
        }
    }

    #[test]
    fn an_intent_reads_back_as_written() {
        let intent = example();
        assert_eq!(Intent::decode(&intent.encode()), Ok(intent));
    }

    #[test]
    fn each_group_is_named_once() {
        let intent = example();
        let groups: Vec<&str> = intent.all_groups().collect();
        assert_eq!(groups, ["/sys/fs/cgroup/x", "/sys/fs/cgroup/memory/a b"]);
    }

    #[test]
    fn a_cut_off_intent_is_refused_wherever_the_cut_is() {
        let text = example().encode();
        for end in 0..text.len() {
            assert!(Intent::decode(&text[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn only_the_generation_may_differ_for_a_fast_start() {
        let one = example();
        let mut two = one.clone();
        two.generation += 1;
        assert!(one.same_but_generation(&two));
        two.origins.clear();
        assert!(one.same_but_generation(&two), "nor where it is written");
        two.secrets.insert("T".into(), "00fe".into());
        assert!(!one.same_but_generation(&two));
        two.secrets = one.secrets.clone();
        two.env.insert("B".into(), "1".into());
        assert!(!one.same_but_generation(&two));
    }
}
