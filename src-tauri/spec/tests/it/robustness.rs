//! Whatever the bytes are: no panic, an answer in little time, and messages that can be shown.

use proptest::prelude::*;
use std::time::{Duration, Instant};

/// Far above what any input may take, far below what a person would call hanging.
const SOON: Duration = Duration::from_secs(5);

fn answers(bytes: &[u8]) {
    let begun = Instant::now();
    if let Err(problems) = spec::parse(spec::FILE, "shop", bytes) {
        assert!(!problems.problems().is_empty());
        let shown = problems.render(100, false);
        let drives = |c: char| c.is_control() && c != '\n' && c != '\t';
        assert!(
            !shown.contains(drives),
            "a control character is shown: {shown:?}"
        );
        assert!(problems.render(20, true).len() < 1_000_000);
        for problem in problems.problems() {
            let (line, column) = problem.position();
            assert!(line >= 1 && column >= 1);
        }
    }
    assert!(begun.elapsed() < SOON, "took {:?}", begun.elapsed());
}

/// Pieces that definitions and their mistakes are made of.
fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("[service.a]\n".to_owned()),
        Just("[service.b]\nrun = \"b ${a.port}\"\n".to_owned()),
        Just("[cluster.defaults]\n".to_owned()),
        Just("[[service]]\n".to_owned()),
        Just("run = ".to_owned()),
        Just("needs = [\"a\", \"b\"]\n".to_owned()),
        Just("needs = [{ service = \"a\" }]\n".to_owned()),
        Just("health = { http = \"/\", every = \"5s\" }\n".to_owned()),
        Just("heal = { budget = \"5 per 10m\", ladder = [\"restart\"] }\n".to_owned()),
        Just("env.A = \"${a.b\"\n".to_owned()),
        Just("port = 0\n".to_owned()),
        Just("image = \"a:1\"\n".to_owned()),
        Just("build = { context = \".\", args = { A = 1 } }\n".to_owned()),
        Just("[service.a.container]\nvolumes = [\"d:/d\", \"./x:/x:ro\", \"/y\"]\n".to_owned()),
        Just("publish = [80, \"1-2:3/udp\", \"[::1]::4\"]\n".to_owned()),
        Just("networks = [\"n\", { network = \"n\" }]\npid = \"service:b\"\n".to_owned()),
        Just("check = { test = [\"CMD\", \"a\"], retries = 3 }\nulimits = { a = -1 }\n".to_owned()),
        Just("[cluster.networks.n]\n[cluster.volumes.d]\nexternal = true\n".to_owned()),
        Just("devices = [\"/a:/b:r\"]\nfiles = [{ target = \"/a\", text = \"\" }]\n".to_owned()),
        Just("\"\"\"".to_owned()),
        Just("\\u0000".to_owned()),
        "[\\[\\]{}=.,\"'#$ \n\r\t\\\\a-c0-9é日\u{202e}]{0,12}",
        "\\PC{0,8}",
    ]
}

/// A service as a person might write it.
fn service() -> impl Strategy<Value = String> {
    let word = "[a-z]{1,8}";
    (
        word,
        proptest::option::of(0u16..),
        1u16..=100,
        proptest::option::of(1u32..1000),
        any::<bool>(),
        "[ -!#-\\[\\]-~]{0,30}",
    )
        .prop_map(|(run, port, replicas, seconds, protected, value)| {
            let mut text =
                format!("run = \"{run} --flag\"\nreplicas = {replicas}\nprotected = {protected}\n");
            if let Some(port) = port {
                text += &format!("port = {port}\nhealth = {{ http = \"/\" }}\n");
            }
            if let Some(seconds) = seconds {
                text += &format!("stop = {{ grace = \"{seconds}s\" }}\n");
            }
            // `${` could begin a reference, and taking it out of `${{` leaves one.
            text + &format!("env = {{ VALUE = \"{}\" }}\n", value.replace('{', "("))
        })
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        answers(&bytes);
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,200}") {
        answers(text.as_bytes());
    }

    #[test]
    fn near_definitions_are_answered(fragments in proptest::collection::vec(fragment(), 0..24)) {
        answers(fragments.concat().as_bytes());
    }

    #[test]
    fn any_command_line_is_answered(line in "[ -~é\n]{0,60}") {
        let quoted = format!("{line:?}").replace("\\'", "'").replace("\\u{", "\\U{");
        answers(format!("[service.a]\nrun = {quoted}\nport = 1\n").as_bytes());
    }

    #[test]
    fn well_formed_services_are_taken(services in proptest::collection::vec(service(), 1..20)) {
        let text: String = services
            .iter()
            .enumerate()
            .map(|(index, body)| {
                // Needing only earlier ones cannot make a cycle.
                let needs: Vec<String> = (0..index.min(3)).map(|n| format!("\"s{n}\"")).collect();
                format!("[service.s{index}]\n{body}needs = [{}]\n", needs.join(", "))
            })
            .collect();
        let parsed = spec::parse(spec::FILE, "shop", text.as_bytes());
        prop_assert!(parsed.is_ok(), "{}\n{}", text, parsed.unwrap_err().render(100, false));
    }
}

/// A help that shows how to write a line quotes the line: found by the test above.
#[test]
fn a_remedy_cannot_drive_the_terminal() {
    answers(b"[a\r\x1b[31m'\n");
    answers("[service.a]\nneeds = \"\\u001b]0;x\\u0007 \u{202e}\"\n".as_bytes());
}

/// The inputs that make naive parsers slow, each just under the size limit.
#[test]
fn the_worst_files_are_answered_soon() {
    let fill = |piece: &str| piece.repeat(1_000_000 / piece.len());
    let services = |body: &str| -> String {
        (0..1_900)
            .map(|n| format!("[service.service-number-{n}]\nrun = \"s\"\n{body}\n"))
            .collect()
    };
    let unknown_networks: Vec<String> = (0..400)
        .map(|n| format!("\"nettwork-number-{n}\""))
        .collect();
    let named: String = (0..500)
        .map(|n| {
            format!("[cluster.networks.network-number-{n}]\n[cluster.volumes.network-number-{n}]\n")
        })
        .collect();
    let containers = |list: &str| -> String {
        let one = |n: usize| {
            format!("[service.s{n}]\nimage = \"s\"\ncontainer = {{ networks = [{list}] }}\n")
        };
        (0..90).map(one).collect()
    };
    let unknown_needs: Vec<String> = (0..30).map(|n| format!("\"servise-numbr-{n}\"")).collect();
    for (what, text) in [
        ("one header again and again", fill("[a]\n")),
        ("dotted keys", fill("a.b.c.d=1\n")),
        ("lists in lists", fill("[[")),
        ("open tables", fill("a={")),
        (
            "unknown networks among many",
            format!("{named}{}", containers(&unknown_networks.join(", "))),
        ),
        (
            "unknown keys",
            format!(
                "[service.a]\n{}",
                (0..90_000).map(|n| format!("k{n}=1\n")).collect::<String>()
            ),
        ),
        ("one long line", format!("a = \"{}", fill("x"))),
        ("quotes", fill("\"")),
        (
            "references",
            format!("[service.a]\nrun = '{}'", "${a.b}".repeat(5_000)),
        ),
        (
            "dollars",
            format!("[service.a]\nrun = '{}'", "$${".repeat(10_000)),
        ),
        (
            "open references",
            format!("[service.a]\nrun = '{}'", "${a-".repeat(8_000)),
        ),
        (
            "unknown needs",
            services(&format!("needs = [{}]", unknown_needs.join(", "))),
        ),
        (
            "unknown references",
            services("env = { A = '${servise.port} ${b.url}' }"),
        ),
        ("commas", format!("[service.a]\nneeds = [{}]", fill(","))),
        ("line ends", fill("\n")),
        ("errors on every line", fill("a b\n")),
    ] {
        println!("{what}");
        answers(text.as_bytes());
    }
    let chain: String = (0..2_000)
        .map(|n| {
            format!(
                "[service.s{n}]\nrun = \"s\"\nneeds = [{}]\n",
                if n == 0 {
                    String::new()
                } else {
                    format!("\"s{}\"", n - 1)
                }
            )
        })
        .collect();
    assert_eq!(
        spec::parse(spec::FILE, "shop", chain.as_bytes())
            .unwrap()
            .services
            .len(),
        2_000
    );
}
