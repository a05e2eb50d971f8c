//! Records that are not true: whatever stands in them, nobody is adopted who is not ours, and no
//! signal reaches a stranger.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "other tests need more of it")]
mod common;

use common::{Bench, LONG, Stranger, lives};
use driver::{Happened, Layout, clock, emergency, survivors};
use model::{ClusterId, ExitStatus, Generation, InstanceId};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How many, unless `AZORA_FORGED` says 10000; a cluster at a time.
const FORGED: usize = 2_000;
const AT_A_TIME: usize = 500;

/// A process that has nothing to do with the home, and notes every signal it gets.
struct Bystander {
    process: Stranger,
    notes: PathBuf,
}

impl Bystander {
    fn new(notes: PathBuf, env: &[(&str, &str)]) -> Bystander {
        let mut child = Command::new(testkit::program("puppet"))
            .arg("bystander")
            .arg(&notes)
            .env_clear()
            .envs(env.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut said)
            .unwrap();
        assert_eq!(said, "watching\n");
        Bystander {
            process: Stranger(child),
            notes,
        }
    }

    fn pid(&self) -> u32 {
        self.process.pid()
    }

    #[track_caller]
    fn unmoved(&self) {
        assert!(lives(self.pid()), "it was killed");
        assert!(
            fs::read(&self.notes).unwrap().is_empty(),
            "it was signalled"
        );
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        assert!(!stat.contains(") T "), "it was stopped");
    }
}

/// SplitMix64: the same seed, the same forgeries.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }
}

/// What forgeries are made of.
struct Forger {
    dice: Dice,
    /// Whom a record may name: pid, start, and whether even the true start must not help.
    people: Vec<(u64, u64, bool)>,
    nonce: String,
    /// Paths that are no control group of this home.
    groups: Vec<Option<String>>,
}

impl Forger {
    /// Writes one into a run folder; says what it is.
    fn forge(&mut self, folder: &Path) -> String {
        fs::create_dir_all(folder).unwrap();
        let boot = clock::boot_id().unwrap();
        let dice = &mut self.dice;
        let (pid, born, innocent) = *dice.one(&self.people);
        // A recycled number: another start. The true one only for those who are no service at all,
        // or who say by their marks that they are another's.
        let ticks = match dice.below(6) {
            0 if innocent => born,
            1 => born.wrapping_sub(1),
            2 => born.wrapping_add(1),
            3 => 0,
            4 => u64::MAX,
            _ => born.wrapping_add(1 + dice.below(1_000_000)),
        };
        let other = "00000000-0000-0000-0000-000000000000";
        let its_boot = *dice.one(&[boot, boot, boot, other, ""]);
        let its_nonce = dice
            .one(&[
                self.nonce.as_str(),
                &self.nonce,
                "",
                "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee",
            ])
            .to_string();
        let intent = shim::Intent {
            generation: 1 + dice.below(2),
            nonce: self.nonce.clone(),
            boot_id: dice.one(&[boot, boot, boot, other]).to_string(),
            cgroup: dice.one(&self.groups).clone(),
            argv: vec!["true".into()],
            ..shim::Intent::default()
        }
        .encode();
        let shim = format!("shim 1 {pid} {ticks} {its_boot} {its_nonce}\n");
        let started = format!("started 1 {pid} {ticks} 0\n");
        let record = match dice.below(10) {
            0 => shim.clone(),
            1 => started.clone(),
            2 => format!("{shim}{shim}{started}{started}"),
            3 => format!("{shim}{started}exited 1 code 7 0\n"),
            4 => format!("{shim}started 1 {pid} {ticks}"),
            5 => format!("\u{0}\u{1}garbage\n{shim}{started}"),
            6 => format!("{shim}{}\n{started}", "x".repeat(300_000)),
            7 => format!("{shim}started 18446744073709551615 {pid} {ticks} 0\n"),
            8 => String::new(),
            _ => format!("{shim}{started}"),
        };
        let (intent_file, record_file) = (folder.join(shim::INTENT), folder.join(shim::RECORD));
        let shape = dice.below(12);
        match shape {
            // Lost, or cut off.
            0 => {}
            1 => fs::write(&intent_file, &intent[..intent.len() / 2]).unwrap(),
            // Links to a record elsewhere.
            2 => {
                let elsewhere = folder.join("elsewhere");
                fs::write(&elsewhere, &intent).unwrap();
                symlink(&elsewhere, &intent_file).unwrap();
            }
            _ => fs::write(&intent_file, &intent).unwrap(),
        }
        match shape {
            3 => fs::create_dir(&record_file).unwrap(),
            4 => {
                let elsewhere = folder.join("elsewhere");
                fs::write(&elsewhere, &record).unwrap();
                symlink(&elsewhere, &record_file).unwrap();
            }
            _ => fs::write(&record_file, &record).unwrap(),
        }
        if shape == 5 && rustix::process::geteuid().is_root() {
            chown(&record_file, Some(65_534), None).unwrap();
        }
        format!("pid {pid} ticks {ticks} boot {its_boot:?} nonce {its_nonce:?} shape {shape}")
    }
}

/// Not counted: a record that is true in every word and names a process without marks is no
/// forgery that could be told, and its writer could have sent the signal as well.
#[tokio::test(flavor = "multi_thread")]
async fn forged_records_by_the_thousand_adopt_nobody_and_move_no_signal() {
    let seed = u64::from(std::process::id());
    eprintln!("seed {seed}");
    let nonce = "0123456789abcdef0123456789abcdef".to_owned();
    let mut bench = Bench::new();
    let notes = |name: &str| bench.home.path().join(name);
    let plain = Bystander::new(notes("plain"), &[]);
    let foreign = Bystander::new(
        notes("foreign"),
        &[("AZORA_NONCE", "ffffffffffffffffffffffffffffffff")],
    );
    // As in a home whose folder was copied here.
    let elsewhere = Bystander::new(
        notes("elsewhere"),
        &[
            ("AZORA_NONCE", &nonce),
            ("AZORA_HOME_ID", "0000000000000000"),
        ],
    );
    // One that would die of most signals.
    let mortal = Stranger::new(&[]);
    let born = |pid: u32| clock::start_ticks(pid).unwrap();
    let me = std::process::id();
    let mut forger = Forger {
        dice: Dice(seed),
        people: vec![
            (plain.pid().into(), born(plain.pid()), false),
            (mortal.pid().into(), born(mortal.pid()), false),
            (foreign.pid().into(), born(foreign.pid()), true),
            (elsewhere.pid().into(), born(elsewhere.pid()), true),
            (1, born(1), true),
            (me.into(), born(me), true),
            (0, 0, true),
            (4_194_303, 1, true),
            (u64::from(u32::MAX), 1, true),
            (u64::MAX, 1, true),
        ],
        nonce,
        groups: [
            None,
            Some("/sys/fs/cgroup"),
            Some("/sys/fs/cgroup/unified"),
            Some("/sys/fs/cgroup/azora-0000000000000000/a-0a1b2c3d/a.0"),
            Some("/sys/fs/cgroup/../../../tmp"),
            Some(""),
        ]
        .map(|path| path.map(str::to_owned))
        .to_vec(),
    };
    let forged = std::env::var("AZORA_FORGED").map_or(FORGED, |n| n.parse().unwrap());
    for part in 0..forged / AT_A_TIME {
        let cluster: ClusterId = format!("forged-{part:08x}").parse().unwrap();
        let names: Vec<InstanceId> = (0..AT_A_TIME)
            .map(|n| format!("f{n}.0").parse().unwrap())
            .collect();
        let told: Vec<String> = names
            .iter()
            .map(|name| forger.forge(&bench.layout.run(&cluster, name)))
            .collect();
        assert_eq!(survivors::find(&bench.layout, Some(&cluster)).unwrap(), []);
        for found in bench.driver.adopt(&cluster).await {
            let at = names.iter().position(|name| *name == found.instance);
            let (Err(ExitStatus::Unknown) | Err(ExitStatus::Code(7))) = found.outcome else {
                panic!("seed {seed}: {found:?} of {}", told[at.unwrap()]);
            };
        }
        let stop = driver::Stop {
            signal: spec::StopSignal::Term,
            grace: Duration::ZERO,
            command: None,
        };
        for name in &names {
            bench
                .driver
                .stop(&cluster, name, Generation(1), stop.clone());
        }
        for _ in &names {
            assert!(matches!(bench.next().await, Happened::Exited { .. }));
        }
        for who in [&plain, &foreign, &elsewhere] {
            who.unmoved();
        }
        assert!(lives(mortal.pid()));
    }
    assert_eq!(emergency::preview(&bench.layout).unwrap().processes, 0);
    // The emergency path believes records no more than the driver does.
    let layout = bench.layout.clone();
    let stop = move || emergency::stop(&layout, "forged records", "a test");
    let report = tokio::task::spawn_blocking(stop).await.unwrap();
    assert_eq!((report.ended, report.left), (0, vec![]));
    for who in [&plain, &foreign, &elsewhere] {
        who.unmoved();
    }
    assert!(lives(mortal.pid()));
}

/// A home that was copied with its run folders: the services are those of the first one.
#[tokio::test(flavor = "multi_thread")]
async fn a_copied_home_leaves_the_first_ones_services_alone() {
    let mut first = Bench::new();
    let pid = first.start("a.0", 1, &["hang"]).await;
    let mut second = Bench::new();
    let name = common::instance("a.0");
    let (from, to) = (
        first.layout.run(&first.cluster, &name),
        second.layout.run(&second.cluster, &name),
    );
    fs::create_dir_all(&to).unwrap();
    for file in [shim::INTENT, shim::RECORD] {
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
    assert_eq!(survivors::find(&second.layout, None).unwrap(), []);
    let cluster = second.cluster.clone();
    for found in second.driver.adopt(&cluster).await {
        assert_eq!(found.outcome, Err(ExitStatus::Unknown));
    }
    second.stop("a.0", 1, Duration::ZERO);
    second.exited().await;
    assert!(lives(pid) && lives(first.shim("a.0")));
    first.stop("a.0", 1, LONG);
    assert_eq!(first.exited().await, ExitStatus::Signal(15));
}

/// Set for the process that runs in a namespace of its own.
const INSIDE: &str = "AZORA_TEST_RECYCLE";

/// The kernel gives a number again: the real thing, in a namespace with few numbers.
#[test]
fn a_recycled_pid_is_a_stranger() {
    if !namespaces_count_their_own() {
        eprintln!(
            "skipped: needs root, unshare, and a kernel whose pid namespaces have their own pid_max (6.14)"
        );
        return;
    }
    let status = Command::new("unshare")
        .args(["--pid", "--fork", "--mount-proc", "--kill-child"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "inside_a_small_namespace", "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success());
}

/// True where a small `pid_max` stays within the namespace it is set in: before that it was the
/// whole machine's, which a test must not touch.
fn namespaces_count_their_own() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release
        .split(['.', '-'])
        .map_while(|n| n.trim().parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let unshare = Command::new("unshare")
        .args(["--pid", "--fork", "--mount-proc", "true"])
        .stderr(Stdio::null())
        .status();
    version >= (6, 14) && unshare.is_ok_and(|status| status.success())
}

/// Not a test of its own: what runs in the namespace.
#[tokio::test(flavor = "multi_thread")]
async fn inside_a_small_namespace() {
    if std::env::var_os(INSIDE).is_none() {
        return;
    }
    fs::write("/proc/sys/kernel/pid_max", "420").unwrap();
    // Those below three hundred are given in the first round only.
    while spent_number() < 310 {}
    for shim_dies_first in [false, true] {
        let mut bench = Bench::new();
        let pid = bench.start("a.0", 1, &["hang"]).await;
        let shim = bench.shim("a.0");
        let cluster = bench.cluster.clone();
        let (home, layout) = bench.dies();
        let order = if shim_dies_first {
            [shim, pid]
        } else {
            [pid, shim]
        };
        for victim in order {
            if lives(victim) {
                common::kill(victim, rustix::process::Signal::KILL);
            }
            // Orphans of a namespace fall to its first process, which is this one.
            let gone = || {
                let pid = rustix::process::Pid::from_raw(victim as i32);
                let _ = rustix::process::waitpid(pid, rustix::process::WaitOptions::NOHANG);
                !Path::new(&format!("/proc/{victim}")).exists()
            };
            assert!(testkit::eventually_async(LONG, gone).await);
        }
        let notes = home.path().join("notes");
        let stranger = stranger_as(pid, &notes);
        // By the number alone it would be taken for the service.
        assert_eq!(stranger.pid(), pid);
        let mut bench = Bench::on(home);
        assert_eq!(survivors::find(&layout, None).unwrap(), []);
        for found in bench.driver.adopt(&cluster).await {
            assert!(found.outcome.is_err(), "{found:?}");
        }
        bench.stop("a.0", 1, Duration::ZERO);
        bench.exited().await;
        let report = emergency::stop(&Layout::new(bench.home.path()), "recycled", "a test");
        assert_eq!((report.ended, report.left), (0, vec![]));
        stranger.unmoved();
    }
}

/// A bystander with this very number: others are made and ended until it is its turn.
fn stranger_as(pid: u32, notes: &Path) -> Bystander {
    for _ in 0..5_000 {
        let at = spent_number();
        // Numbers go up one by one, past those that are taken.
        let taken = |number| Path::new(&format!("/proc/{number}")).exists();
        if at < pid && (at + 1..pid).all(taken) {
            let stranger = Bystander::new(notes.to_owned(), &[]);
            if stranger.pid() == pid {
                return stranger;
            }
        }
    }
    panic!("the number {pid} was not given again");
}

/// Takes a number and gives it back.
fn spent_number() -> u32 {
    let mut probe = Command::new("/bin/true").spawn().unwrap();
    probe.wait().unwrap();
    probe.id()
}
