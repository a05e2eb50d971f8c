//! `settings.toml`: what it means, and what is said about a wrong one.

use spec::{SETTINGS_FILE, Settings, SettingsTable};

fn settings(text: &str) -> Result<Settings, String> {
    let read = spec::settings(SETTINGS_FILE, text.as_bytes());
    match read.problems {
        None => Ok(read.settings),
        Some(problems) => Err(problems.render(100, false)),
    }
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
fn consuls_clients_are_served_where_it_is_asked_for_and_nowhere_else() {
    let port = |value: &str| {
        settings(&format!("[registry]\nconsul = {value}"))
            .unwrap()
            .consul
    };
    assert_eq!(settings("[registry]").unwrap().consul, None);
    assert_eq!(port("false"), None);
    assert_eq!(port("true"), Some(8_500));
    assert_eq!(port("8501"), Some(8_501));
}

#[test]
fn the_registry_listens_where_it_is_told_to() {
    let port = |text: &str| settings(text).unwrap().registry_port;
    assert_eq!(port("[registry]"), None);
    assert_eq!(port("[registry]\nport = 7500"), Some(7_500));
}

/// Otherwise the one that starts later says that somebody has its port, and that is the engine itself.
#[test]
fn what_listens_has_a_port_of_its_own() {
    for (text, words) in [
        (
            "[registry]\nconsul = 17500\n[gateway]\nport = 17500",
            "`gateway.port` and `registry.consul` are both port 17500",
        ),
        (
            "[gateway]\nport = 8500\n[registry]\nconsul = true",
            "`gateway.port` and `registry.consul` are both port 8500",
        ),
        (
            "[registry]\nport = 7500\nconsul = 7500",
            "`registry.consul` and `registry.port` are both port 7500",
        ),
    ] {
        let said = settings(text).unwrap_err();
        assert!(said.contains(words) && said.contains('^'), "{said}");
    }
    let off = "[registry]\nport = 7500\n[gateway]\nenabled = false\nport = 7500";
    assert!(settings(off).is_ok());
}

#[test]
fn a_wrong_setting_is_explained_with_its_place() {
    let cases = [
        ("[registry]\nport = 80", "`port` is 1024 to 65535, not 80"),
        ("[registry]\nconsul = 0", "`consul` is 1 to 65535, not 0"),
        (
            "[registry]\nconsul = \"8500\"",
            "or the number of another port",
        ),
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

fn webhook(text: &str) -> spec::Webhook {
    let text = format!("[webhook.pager]\n{text}");
    let settings = settings(&text).unwrap_or_else(|problems| panic!("{problems}"));
    settings.webhooks[&"pager".parse::<model::WebhookName>().unwrap()].clone()
}

#[test]
fn a_webhook_needs_a_url_and_the_rest_is_as_usual() {
    let plain = webhook("url = \"https://hooks.example.com/azora?x=1\"");
    assert_eq!(plain.url, "https://hooks.example.com/azora?x=1");
    let usual: Vec<_> = plain.events.iter().copied().collect();
    assert_eq!(usual, ["emergency_shutdown", "incident", "service_healed"]);
    assert!(plain.clusters.is_empty() && plain.sign.is_none());
    assert_eq!(
        (plain.timeout.as_secs(), plain.keep.as_secs()),
        (10, 3 * 86_400)
    );
    let full = webhook(
        "url = \"http://[::1]:8080\"\nevents = \"all\"\nclusters = [\"shop\"]\n\
         authorization = { file = \"keys/hook\" }\nsign = { env = \"HOOK_KEY\" }\n\
         ca = \"keys/root.pem\"\ntimeout = \"3s\"\nkeep = \"1h\"",
    );
    assert_eq!(full.events.len(), model::EventKind::NAMES.len());
    assert_eq!(
        full.authorization,
        Some(spec::SecretPlace::File("keys/hook".into()))
    );
    assert_eq!(full.sign, Some(spec::SecretPlace::Env("HOOK_KEY".into())));
    assert_eq!((full.timeout.as_secs(), full.keep.as_secs()), (3, 3_600));
    let far = webhook("url = \"http://10.1.2.3/x\"\nplain = true");
    assert_eq!(far.url, "http://10.1.2.3/x");
}

#[test]
fn a_wrong_webhook_is_explained_with_its_place() {
    let url = "url = \"https://example.com\"\n";
    let cases = [
        ("events = [\"incident\"]".to_owned(), "it has no `url`"),
        ("url = \"ftp://example.com\"".into(), "not for HTTP"),
        ("url = \"example.com/x\"".into(), "not a URL"),
        ("url = \"https://example.com/a b\"".into(), "not a URL"),
        ("url = \"https://example.com:0\"".into(), "port 0"),
        (
            "url = \"https://me:pw@example.com\"".into(),
            "write authorization =",
        ),
        ("url = \"https://example.com/#x\"".into(), "fragment"),
        (
            "url = \"http://example.com\"".into(),
            "write https://, or plain = true",
        ),
        (
            "url = \"http://127.0.0.1.example.com\"".into(),
            "write https://",
        ),
        (
            format!("{url}events = [\"incidents\"]"),
            "did you mean \"incident\"?",
        ),
        (format!("{url}events = []"), "`events` is empty"),
        (format!("{url}events = \"incident\""), "put it in brackets"),
        (format!("{url}clusters = [\"My Shop\"]"), "like `my-shop`"),
        (
            format!("{url}secret = {{ file = \"x\" }}"),
            "here it is called `sign`",
        ),
        (
            format!("{url}sign = \"hush-hush\""),
            "does not say where its secret is",
        ),
        (format!("{url}sign = {{}}"), "comes from one place"),
        (
            format!("{url}sign = {{ path = \"x\" }}"),
            "here it is called `file`",
        ),
        (format!("{url}timeout = \"5m\""), "`timeout` is 1s to 1m"),
        (format!("{url}keep = \"90d\""), "`keep` is 1h to 30d"),
    ];
    for (text, words) in cases {
        let said = settings(&format!("[webhook.pager]\n{text}")).unwrap_err();
        let flat = said
            .replace("\n  \u{2502}", " ")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(flat.contains(words), "{text}: {words:?} is not in\n{said}");
        assert!(said.contains('^') && said.contains("help: "), "{said}");
    }
    assert!(settings("webhook = 7").unwrap_err().contains("is a table"));
    let named = settings("webhook.pager = \"https://example.com\"").unwrap_err();
    assert!(named.contains("[webhook.pager]"), "{named}");
    let misnamed = settings("[webhook.My_Pager]\nurl = \"https://example.com\"").unwrap_err();
    assert!(misnamed.contains("like `my-pager`"), "{misnamed}");
    let many: String = (0..17)
        .map(|n| format!("[webhook.w{n}]\nurl = \"https://example.com\"\n"))
        .collect();
    assert!(settings(&many).unwrap_err().contains("17 webhooks"));
}

#[test]
fn notifications_are_on_unless_they_are_turned_off_somewhere_or_for_a_time() {
    let read = |text: &str| {
        let settings = settings(&format!("[notifications]\n{text}"));
        settings
            .unwrap_or_else(|problems| panic!("{problems}"))
            .notifications
    };
    let usual = read("");
    assert!(usual.enabled && (0..1_440).all(|minute| !usual.quiet_at(minute)));
    let set = read("except = [\"scratch\"]\nquiet = [\"22:00-07:30\", \"12:00 - 13:00\"]");
    assert!(set.except.contains("scratch"));
    let quiet: Vec<u16> = (0..24).filter(|hour| set.quiet_at(hour * 60)).collect();
    assert_eq!(quiet, [0, 1, 2, 3, 4, 5, 6, 7, 12, 22, 23]);
    let written: Vec<String> = set.quiet.iter().map(ToString::to_string).collect();
    assert_eq!(written, ["22:00-07:30", "12:00-13:00"]);
    assert!(set.quiet_at(7 * 60 + 29) && !set.quiet_at(7 * 60 + 30) && !set.quiet_at(13 * 60));
    assert!(!read("enabled = false").enabled);
    for (text, words) in [
        ("quiet = \"22:00-07:00\"", "put it in brackets"),
        ("quiet = [\"22-7\"]", "is no span of a day"),
        ("quiet = [\"24:00-07:00\"]", "is no span of a day"),
        ("quiet = [\"10pm-7am\"]", "in 24 hours"),
        ("quiet = [\"07:00-07:00\"]", "begins when it ends"),
        ("quiet = []", "`quiet` is empty"),
        ("except = [\"My Shop\"]", "my-shop"),
        ("enabled = \"no\"", "`true` or `false`"),
        (
            "quiet_hours = [\"22:00-07:00\"]",
            "here it is called `quiet`",
        ),
    ] {
        let said = settings(&format!("[notifications]\n{text}")).unwrap_err();
        assert!(said.contains(words) && said.contains('^'), "{text}: {said}");
    }
}

#[test]
fn the_gateway_runs_at_its_usual_port_unless_something_else_is_said() {
    let read = |text: &str| {
        let gateway = settings(text).unwrap().gateway;
        (gateway.enabled, gateway.port)
    };
    assert_eq!(read("[gateway]\n"), (true, None));
    assert_eq!(read(""), (true, None));
    assert_eq!(read("gateway = { port = 8080 }"), (true, Some(8080)));
    assert_eq!(read("[gateway]\nenabled = false"), (false, None));
    for text in [
        "[gateway]\nport = 80",
        "[gateway]\nport = \"8080\"",
        "[gateway]\nprot = 8080",
    ] {
        assert!(settings(text).is_err(), "{text}");
    }
}

/// What holds of a file with mistakes in it, and which tables are not used.
fn holds(text: &str) -> (Settings, Vec<SettingsTable>) {
    let read = spec::settings(SETTINGS_FILE, text.as_bytes());
    assert!(read.problems.is_some(), "{text}");
    (read.settings, read.unused.into_iter().collect())
}

#[test]
fn a_mistake_keeps_its_own_table_from_being_used_and_no_other() {
    let good = "[registry]\nallow = [\"10.1.0.0/16\"]\nconsul = true\n[gateway]\nport = 8080\n\
                [notifications]\nenabled = false\n[webhook.good]\nurl = \"https://example.com\"\n";
    let right = settings(good).unwrap();
    let (held, unused) = holds(&format!("{good}[webhook.bad]\nurl = 7\n"));
    assert_eq!(
        (held, unused),
        (right.clone(), vec![SettingsTable::Webhook])
    );
    // What nothing of ours is called by even from afar keeps nothing from being used.
    let (held, unused) = holds(&format!("{good}[organisation]\nname = 7\n"));
    assert_eq!((held, unused), (right.clone(), vec![]));
    let (held, unused) = holds(&good.replace("enabled = false", "enabled = 7"));
    assert!(held.notifications.enabled && held.gateway.enabled);
    assert_eq!((held.consul, held.allow.len()), (Some(8_500), 1));
    assert_eq!(unused, [SettingsTable::Notifications]);
    let (held, unused) = holds(&good.replace("consul = true", "consul = 0"));
    assert_eq!((held.consul, held.allow.len()), (None, 0));
    assert_eq!(
        (held.gateway, unused),
        (right.gateway, vec![SettingsTable::Registry])
    );
}

#[test]
fn what_could_have_been_meant_to_be_closed_is_closed() {
    for text in [
        "[gateway]\nenabled = \"no\"",
        "[gateway]\nprot = 8080",
        "[gatway]\nenabled = false",
        "gateway = 7",
    ] {
        let (held, unused) = holds(&format!("{text}\n[registry]\nconsul = true\n"));
        assert!(!held.gateway.enabled, "{text}");
        assert_eq!(unused, [SettingsTable::Gateway], "{text}");
        assert_eq!(held.consul, Some(8_500), "{text}");
    }
    for text in [
        "[registry\nconsul = true",
        "[registry]\nconsul = true\n[registry]\nconsul = true",
    ] {
        let (held, unused) = holds(text);
        assert_eq!(held, Settings::closed(), "{text}");
        assert_eq!(unused, SettingsTable::ALL, "{text}");
    }
}

#[test]
fn of_two_with_one_port_the_later_is_closed() {
    let (held, unused) = holds("[registry]\nconsul = 8080\n[gateway]\nport = 8080");
    assert_eq!((held.consul, held.gateway.enabled), (Some(8_080), false));
    assert_eq!(unused, [SettingsTable::Gateway]);
    let said = settings("[gatway]\nport = 8080").unwrap_err();
    assert!(said.contains("settings.toml has no key `gatway`"), "{said}");
}

fn places(text: &str) -> Vec<String> {
    let settings = settings(text).unwrap_or_else(|problems| panic!("{problems}"));
    let places = settings.checkpoints.iter();
    places.map(|place| format!("{place:?}")).collect()
}

#[test]
fn checkpoints_are_kept_in_folders_repositories_and_by_webhooks_and_nowhere_unless_named() {
    assert_eq!(places("[ledger]"), [] as [&str; 0]);
    assert_eq!(
        places(
            "[webhook.away]\nurl = \"https://example.com\"\n[ledger]\ncheckpoints = [\"/mnt/share\", \
             { git = \"/home/me/audit\" }, { git = \"/home/me/other\", push = true }, { webhook = \"away\" }]\n"
        ),
        [
            "Folder(\"/mnt/share\")",
            "Git { folder: \"/home/me/audit\", push: false }",
            "Git { folder: \"/home/me/other\", push: true }",
            "Webhook(away)",
        ]
    );
    for (value, words) in [
        ("\"share\"", "`share` is no absolute path"),
        ("\"~/share\"", "~ is a shell's word"),
        ("7", "a place"),
        ("{ git = \"/a\", webhook = \"w\" }", "is one place"),
        ("{ push = true }", "is one place"),
        (
            "{ webhook = \"w\", push = true }",
            "`push` belongs to `git`",
        ),
        ("{ webhook = \"w\" }", "there is no webhook `w`"),
        ("{ folder = \"/a\" }", "has no key `folder`"),
        (
            "\"/a\", { git = \"/a/\" }",
            "the git repository /a/ is there twice",
        ),
    ] {
        let text = format!("[ledger]\ncheckpoints = [{value}]\n");
        let said = settings(&text).unwrap_err();
        assert!(said.contains(words), "{text}: {said}");
        assert!(said.contains("settings.toml:2:"), "{said}");
        let (held, unused) = holds(&text);
        assert_eq!(
            (held.checkpoints, unused),
            (vec![], vec![SettingsTable::Ledger])
        );
    }
    let said = settings("[ledger]\ncheckpoints = []").unwrap_err();
    assert!(said.contains("`checkpoints` is empty"), "{said}");
}

#[test]
fn what_is_done_about_threats_is_said_by_kind_or_by_level() {
    use model::{Escalation, ThreatKind, ThreatLevel};
    let said =
        settings("[security]\non = { exposed = \"stop\", high = \"hold\", reachable = \"tell\" }")
            .unwrap();
    let of = |kind, level| said.security.of(kind, level);
    assert_eq!(of(ThreatKind::Exposed, ThreatLevel::High), Escalation::Stop);
    assert_eq!(
        of(ThreatKind::ProgramInMemory, ThreatLevel::High),
        Escalation::Hold
    );
    assert_eq!(
        of(ThreatKind::Reachable, ThreatLevel::High),
        Escalation::Tell
    );
    assert_eq!(
        of(ThreatKind::Reachable, ThreatLevel::Low),
        Escalation::Tell
    );
    for (on, words) in [
        ("7", "`on`"),
        ("{ exposed = \"kill\" }", "`exposed` knows no `kill`"),
        ("{ exposd = \"stop\" }", "did you mean `exposed`?"),
        ("{ none = \"stop\" }", "there is no threat `none`"),
        ("{ ledger_doubted = \"stop\" }", "it is about no service"),
    ] {
        let text = format!("[security]\non = {on}\n");
        let said = settings(&text).unwrap_err();
        assert!(
            said.contains(words) && said.contains("settings.toml:2:"),
            "{text}: {said}"
        );
        let (held, unused) = holds(&text);
        assert_eq!(held.security, spec::Escalations::default());
        assert_eq!(unused, [SettingsTable::Security]);
    }
}
