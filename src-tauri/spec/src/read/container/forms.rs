//! Forms of values that a container daemon refuses when a container is made: said when the file is read.

use super::super::Reader;
use crate::document::{Entry, Table, Value, ValueKind};
use crate::problem::quoted;
use crate::suggest;
use std::collections::BTreeMap;

/// Capabilities of Linux, without `CAP_`.
const CAPABILITIES: [&str; 41] = [
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "PERFMON",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "SYSLOG",
    "WAKE_ALARM",
];

/// Limits of a process, as daemons call them.
const ULIMITS: [&str; 15] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// What is a namespace's own, besides everything below `net` and `fs.mqueue`.
const OF_MESSAGES: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];

impl Reader<'_> {
    /// Capabilities, with or without `CAP_`, or `ALL`.
    pub(super) fn capabilities(&mut self, table: &Table, key: &str, example: &str) -> Vec<String> {
        let named = |text: &str| {
            let upper = text.to_uppercase();
            let bare = upper.strip_prefix("CAP_").unwrap_or(&upper).to_owned();
            bare == "ALL" || CAPABILITIES.contains(&bare.as_str())
        };
        let all = self.placed_texts(table, key, example);
        for (text, value) in &all {
            if !named(text) {
                let upper = text.to_uppercase();
                let bare = upper.strip_prefix("CAP_").unwrap_or(&upper).to_owned();
                let otherwise =
                    format!("write {key} = [\"{example}\"], as in `man 7 capabilities`");
                self.unknown(value, "capability", text, &bare, CAPABILITIES, otherwise);
            }
        }
        all.into_iter().map(|(text, _)| text).collect()
    }

    /// The name of a limit of a process.
    pub(super) fn ulimit_name(&mut self, entry: &Entry) {
        let name = entry.key.name.as_str();
        if ULIMITS.contains(&name) {
            return;
        }
        let help = match suggest::nearest(name, ULIMITS) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("the limits are {}", suggest::list(ULIMITS.into_iter())),
        };
        let message = format!("there is no limit {}", quoted(name));
        self.refuse(&entry.key.span, message, "unknown limit", &help);
    }

    /// Settings of the kernel that a container can have of its own.
    pub(super) fn sysctls(&mut self, table: &Table) -> BTreeMap<String, String> {
        let example = "\"net.core.somaxconn\" = 1024";
        let all = self.text_table(table, "sysctls", example);
        let machines = |key: &str| {
            let kind = table.get(key).map(|entry| &entry.value.kind);
            matches!(kind, Some(ValueKind::Text(text)) if text == "host")
        };
        let (with_network, own_messages) = (!machines("network_mode"), !machines("ipc"));
        let Some(ValueKind::Table(given)) = table.get("sysctls").map(|entry| &entry.value.kind)
        else {
            return all;
        };
        for entry in given
            .entries
            .iter()
            .filter(|one| all.contains_key(&one.key.name))
        {
            // `net/core/somaxconn` is the same.
            let name = entry.key.name.replace('/', ".");
            let of_network = name.starts_with("net.");
            let of_messages =
                name.starts_with("fs.mqueue.") || OF_MESSAGES.contains(&name.as_str());
            let help = match (of_network, of_messages) {
                (true, _) if with_network => continue,
                (_, true) if own_messages => continue,
                (true, _) => "remove it, or network_mode = \"host\"",
                (_, true) => "remove it, or ipc = \"host\"",
                _ => {
                    "a container has its own of net.*, fs.mqueue.* and of kernel.shm*, kernel.msg* and \
                     kernel.sem; the others are set on the machine"
                }
            };
            let message = format!("a container has no {} of its own", quoted(&entry.key.name));
            self.refuse(&entry.key.span, message, "the machine's", help);
        }
        all
    }

    /// Texts that are addresses.
    pub(super) fn addresses(&mut self, table: &Table, key: &str, example: &str) -> Vec<String> {
        let help = format!("write it like this: {key} = [\"{example}\"]");
        let all = self.placed_texts(table, key, example);
        for (text, value) in &all {
            if text.parse::<std::net::IpAddr>().is_err() {
                let message = format!("{} is no address", quoted(text));
                self.refuse(&value.span, message, "neither of IPv4 nor of IPv6", &help);
            }
        }
        all.into_iter().map(|(text, _)| text).collect()
    }

    /// Rules of the device control group: `c 1:3 mr`.
    pub(super) fn device_rules(&mut self, table: &Table) -> Vec<String> {
        let key = "device_cgroup_rules";
        let all = self.placed_texts(table, key, "c 1:3 mr");
        for (text, value) in &all {
            if !is_device_rule(text) {
                self.refuse(
                    &value.span,
                    format!("{} is no rule for devices", quoted(text)),
                    "of another form",
                    "a kind (a, b or c), MAJOR:MINOR with numbers or *, and what is allowed of r, w and m: \"c 1:3 mr\"",
                );
            }
        }
        all.into_iter().map(|(text, _)| text).collect()
    }

    /// Options of the security modules.
    pub(super) fn security(&mut self, table: &Table) -> Vec<String> {
        const KEYS: [&str; 6] = [
            "apparmor",
            "label",
            "no-new-privileges",
            "seccomp",
            "systempaths",
            "unmask",
        ];
        let all = self.placed_texts(table, "security_opt", "no-new-privileges");
        for (text, value) in &all {
            let key = text.split(['=', ':']).next().unwrap_or_default();
            let whole = text.len() > key.len() || key == "no-new-privileges";
            if !whole || !(KEYS.contains(&key) || key == "mask") {
                let otherwise = "write \"no-new-privileges\", or KEY=VALUE with one of apparmor, label, seccomp and \
                                 systempaths"
                    .to_owned();
                self.unknown(value, "security option", text, key, KEYS, otherwise);
            }
        }
        all.into_iter().map(|(text, _)| text).collect()
    }

    /// A word of a mount that only some go with.
    pub(super) fn mount_word(
        &mut self,
        table: &Table,
        key: &str,
        words: &[&'static str],
    ) -> Option<String> {
        let entry = table.get(key)?;
        let words: Vec<(&str, &str)> = words.iter().map(|word| (*word, *word)).collect();
        let word = self.word(&entry.value, &format!("`{key}`"), &words)?;
        Some(word.to_owned())
    }

    fn unknown<const N: usize>(
        &mut self,
        value: &Value,
        what: &str,
        text: &str,
        near: &str,
        known: [&'static str; N],
        otherwise: String,
    ) {
        let help = match suggest::nearest(near, known) {
            Some(nearest) => format!("did you mean \"{nearest}\"?"),
            None => otherwise,
        };
        let message = format!("{} is no {what}", quoted(text));
        self.refuse(&value.span, message, "unknown", &help);
    }
}

fn is_device_rule(text: &str) -> bool {
    let words: Vec<&str> = text.split(' ').collect();
    let [kind, numbers, allowed] = words[..] else {
        return false;
    };
    let number = |text: &str| text == "*" || text.parse::<u32>().is_ok();
    let pair = numbers
        .split_once(':')
        .is_some_and(|(major, minor)| number(major) && number(minor));
    matches!(kind, "a" | "b" | "c")
        && pair
        && (1..=3).contains(&allowed.len())
        && allowed.chars().all(|c| "rwm".contains(c))
}

/// `linux/amd64`, `linux/arm/v7`.
pub(super) fn is_platform(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    let parts: Vec<&str> = text.split('/').collect();
    (1..=3).contains(&parts.len()) && parts.into_iter().all(part)
}

/// Parts of letters, digits and hyphens, as names in a network are.
pub(super) fn is_host_name(text: &str) -> bool {
    let part = |part: &str| {
        (1..=63).contains(&part.len())
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
            && !part.starts_with('-')
    };
    text.len() <= 253 && text.split('.').all(part)
}

/// Where its process begins.
pub(super) fn is_absolute(text: &str) -> bool {
    text.starts_with('/')
}
