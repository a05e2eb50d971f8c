//! `settings.toml`: what it means, and what is said about a wrong one.

use spec::{SETTINGS_FILE, Settings};

fn settings(text: &str) -> Result<Settings, String> {
    spec::settings(SETTINGS_FILE, text.as_bytes()).map_err(|problems| problems.render(100, false))
}

fn allowed(text: &str) -> Vec<String> {
    let settings = settings(text).unwrap_or_else(|problems| panic!("{problems}"));
    settings.allow.iter().map(ToString::to_string).collect()
}

#[test]
fn networks_and_single_addresses_can_be_allowed_and_nothing_is_unless_named() {
    assert_eq!(settings("").unwrap(), Settings::default());
    assert_eq!(
        settings("# nothing\n[registry]\n").unwrap(),
        Settings::default()
    );
    assert_eq!(
        allowed("[registry]\nallow = [\"10.1.0.0/16\", \"192.168.1.7\", \"fd00::/8\"]\n"),
        ["10.1.0.0/16", "192.168.1.7/32", "fd00::/8"]
    );
    assert_eq!(allowed("registry = { allow = [] }"), [] as [&str; 0]);
}

#[test]
fn a_wrong_setting_is_explained_with_its_place() {
    let cases = [
        (
            "[registry]\nallow = [\"10.1.2.3/16\"]",
            "\"10.1.0.0/16\" for the network, or \"10.1.2.3\"",
        ),
        (
            "[registry]\nallow = [\"db.internal\"]",
            "names are not allowed",
        ),
        ("[registry]\nallow = [\"10.1/16\"]", "is not a network"),
        (
            "[registry]\nallow = [\"0.0.0.0/0\"]",
            "every address there is",
        ),
        ("[registry]\nallow = [\"::/0\"]", "every address there is"),
        ("[registry]\nallow = [\"169.254.169.254\"]", "link-local"),
        ("[registry]\nallow = [\"127.0.0.0/8\"]", "always allowed"),
        (
            "[registry]\nallow = [\"0.0.0.0\"]",
            "no address of any machine",
        ),
        (
            "[registry]\nallow = [\"::ffff:10.0.0.0/104\"]",
            "write the IPv4 network",
        ),
        ("[registry]\nallow = [\"ff02::1\"]", "multicast"),
        ("[registry]\nallow = \"10.1.0.0/16\"", "put it in brackets"),
        ("[registry]\nallow = [10]", "is a text, not a whole number"),
        ("[registry]\nalow = []", "did you mean `allow`?"),
        ("[registery]\nallow = []", "did you mean `registry`?"),
        ("[service.web]\nrun = \"x\"", "azora.toml of a folder"),
        ("registry = 7", "is a table"),
        ("{\"registry\": {}}", "settings are TOML"),
        ("[registry]\nallow = [\"10.1.0.0/16\"", "is not closed"),
    ];
    for (text, words) in cases {
        let said = settings(text).unwrap_err();
        let flat = said
            .replace("\n  │", " ")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(flat.contains(words), "{text}: {words:?} is not in\n{said}");
        assert!(said.contains("[settings.toml:"), "{said}");
        assert!(said.contains('^') && said.contains("help: "), "{said}");
    }
    let many = format!("[registry]\nallow = [{}]", "\"10.1.0.0/16\",".repeat(65));
    assert!(settings(&many).unwrap_err().contains("65 entries"));
    assert!(
        settings(&"#".repeat(2 << 20))
            .unwrap_err()
            .contains("MiB large")
    );
}
