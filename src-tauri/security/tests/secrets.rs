//! What is a secret and what only looks like one, as tables. None of the secrets is one: they are made up in the forms
//! that issuers publish, and put together here so that no scanner of sources stops at them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use security::secret::{in_arguments, in_text, in_variable};

/// Letters and digits that look random and are the same in every run.
fn drawn(length: usize, alphabet: &str, seed: u64) -> String {
    let alphabet: Vec<char> = alphabet.chars().collect();
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % alphabet.len()
    };
    (0..length).map(|_| alphabet[next()]).collect()
}

const PLAIN: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const CAPITALS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const HEX: &str = "0123456789abcdef";

fn tokens() -> Vec<(String, &'static str)> {
    let plain = |length| drawn(length, PLAIN, 7);
    let capitals = |length| drawn(length, CAPITALS, 7);
    let hex = |length| drawn(length, HEX, 7);
    vec![
        (format!("AKIA{}", capitals(16)), "an AWS access key"),
        (format!("ghp_{}", plain(36)), "a GitHub token"),
        (
            format!("github_pat_{}_{}", plain(22), plain(59)),
            "a GitHub token",
        ),
        (format!("glpat-{}", plain(20)), "a GitLab token"),
        (format!("xoxb-{}", plain(40)), "a Slack token"),
        (format!("sk_live_{}", plain(24)), "a Stripe key"),
        (format!("sk-proj-{}", plain(48)), "an API key of a model"),
        (format!("sk-{}", plain(48)), "an API key of a model"),
        (format!("AIza{}", plain(35)), "a Google API key"),
        (format!("npm_{}", plain(36)), "an npm token"),
        (format!("hf_{}", plain(34)), "a Hugging Face token"),
        (format!("dop_v1_{}", hex(64)), "a DigitalOcean token"),
        (format!("hvs.{}", plain(40)), "a Vault token"),
        (format!("SG.{}.{}", plain(22), plain(43)), "a SendGrid key"),
        (
            format!("eyJ{}.eyJ{}.{}", plain(30), plain(60), plain(43)),
            "a signed token (JWT)",
        ),
        (
            format!("-----BEGIN RSA PRIVATE {}-----", "KEY"),
            "a private key",
        ),
    ]
}

#[test]
fn well_known_tokens_are_found_wherever_they_stand_and_never_repeated() {
    for (token, kind) in tokens() {
        let found = in_variable("ANYTHING", &token).map(|kind| kind.as_str());
        assert_eq!(found, Some(kind), "{token}");
        for line in [
            format!("2026-11-30 INFO calling with {token}, again"),
            format!("{{\"header\":\"{token}\"}}"),
            format!("https://example.com/?x={token}&y=1"),
        ] {
            let found = in_text(&line).map(|kind| kind.as_str());
            assert_eq!(found, Some(kind), "{line}");
        }
        let found = in_arguments(["server", "--x", token.as_str()]);
        let found = found.map(|(at, kind)| (at, kind.as_str()));
        assert_eq!(found, Some((2, kind)), "{token}");
        assert!(!kind.contains(&token));
    }
}

#[test]
fn random_values_are_found_under_names_that_say_they_are_secret() {
    let value = drawn(24, PLAIN, 3);
    for name in [
        "DB_PASSWORD",
        "password",
        "clientSecret",
        "API_KEY",
        "apiKey",
        "STRIPE_SECRET_KEY",
        "AUTH_TOKEN",
        "SESSION_KEY",
        "passphrase",
    ] {
        assert!(in_variable(name, &value).is_some(), "{name}");
        assert!(
            in_text(&format!("config {name}={value} loaded")).is_some(),
            "{name}"
        );
        assert!(
            in_text(&format!("{{\"{name}\": \"{value}\"}}")).is_some(),
            "{name}"
        );
        let option = format!("--{}", name.to_lowercase().replace('_', "-"));
        if name == name.to_uppercase() {
            assert_eq!(
                in_arguments(["x", option.as_str(), value.as_str()]).map(|(at, _)| at),
                Some(2),
                "{option}"
            );
            let joined = format!("{option}={value}");
            assert_eq!(
                in_arguments(["x", joined.as_str()]).map(|(at, _)| at),
                Some(1),
                "{joined}"
            );
        }
    }
    assert!(
        in_variable("HEROKU_API_KEY", "9b1f3c52-7d04-4e8a-b6d1-0f2a7c35e981").is_some(),
        "a uuid that is one"
    );
    assert!(in_variable("SIGNING_KEY", &drawn(64, HEX, 5)).is_some());
    assert!(
        in_variable("X", &drawn(44, PLAIN, 9)).is_some(),
        "long enough to need no name"
    );
    for line in [
        format!("Authorization: Bearer {value}"),
        format!("\"authorization\": \"Basic {value}==\""),
        format!("connecting to postgres://shop:{value}@db:5432/shop"),
    ] {
        assert!(in_text(&line).is_some(), "{line}");
    }
    let url = format!("amqp://u:{value}@127.0.0.1");
    assert_eq!(
        in_variable("BROKER", &url).unwrap().as_str(),
        "a password in a URL"
    );
}

#[test]
fn what_stands_in_every_environment_is_none() {
    let sha = drawn(40, HEX, 1);
    let digest = drawn(64, HEX, 2);
    let none: &[(&str, &str)] = &[
        (
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/home/ada/.cargo/bin",
        ),
        ("HOME", "/home/ada"),
        ("PWD", "/home/ada/src/Shop-2/service_v10"),
        (
            "LS_COLORS",
            "rs=0:di=01;34:ln=01;36:mh=00:pi=40;33:so=01;35:do=01;35:bd=40;33;01",
        ),
        (
            "DBUS_SESSION_BUS_ADDRESS",
            "unix:path=/run/user/1000/bus,guid=0123456789abcdef0123456789abcdef",
        ),
        ("INVOCATION_ID", "6f2d1e0c8b7a49588f3e2d1c0b9a8877"),
        ("XDG_SESSION_ID", "c12"),
        ("GIT_COMMIT", &sha),
        ("IMAGE", "registry.example.com/shop/api:1.22.7-Alpine3"),
        ("IMAGE_DIGEST", &digest),
        ("BUILD_ID", "9b1f3c52-7d04-4e8a-b6d1-0f2a7c35e981"),
        ("REQUEST_UUID", "9b1f3c52-7d04-4e8a-b6d1-0f2a7c35e981"),
        ("SSH_AUTH_SOCK", "/tmp/ssh-XqY7Zr81Lm3k/agent.4711"),
        (
            "NIX_PATH",
            "/nix/store/8w1c7v2qk9n3l5m0p4r6s8t2u1x3y5z7-source",
        ),
        ("DATABASE_URL", "postgres://shop:shop@localhost:5432/shop"),
        ("POSTGRES_PASSWORD", "postgres"),
        ("POSTGRES_PASSWORD_FILE", "/run/secrets/Db-Pass-9xK2mQ7r"),
        ("TOKEN_URL", "https://login.example.com/oauth2/v2.0/token"),
        ("TOKEN_LIMIT", "4096000000000000"),
        ("SECRET", "changeme-before-you-Deploy1"),
        ("API_KEY", "your-api-key-goes-here-1234"),
        ("API_KEY", "${VAULT_API_KEY}"),
        ("API_KEY", "xxxx9F3k2Lq8Zp7Rxxxx"),
        ("PASSWORD", "<put it here 1A>"),
        ("JWT_SECRET", "development_only_secret"),
        ("DB_PASSWORD", "shop-dev-password-1"),
        ("DB_PASSWORD", "Password1234"),
        ("VAPID_PUBLIC_KEY", &drawn(87, PLAIN, 4)),
        ("STRIPE_KEY", "pk_live_51Hx2mQ7rT8yU9iO0pAsDfGh"),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        (
            "GREETING",
            "Good morning, everybody who works here at 9 o'clock",
        ),
        (
            "NODE_OPTIONS",
            "--max-old-space-size=4096 --enable-source-maps",
        ),
        (
            "JAVA_TOOL_OPTIONS",
            "-XX:MaxRAMPercentage=75.0 -Dfile.encoding=UTF-8",
        ),
        (
            "TERM_SESSION_ID",
            "w0t1p0:9B1F3C52-7D04-4E8A-B6D1-0F2A7C35E981",
        ),
        ("CARGO_PKG_VERSION", "1.95.0-nightly"),
    ];
    for (name, value) in none {
        assert_eq!(in_variable(name, value), None, "{name}={value}");
    }
}

#[test]
fn what_stands_in_every_log_is_none() {
    let image = format!("data:image/png;base64,{}", drawn(600, PLAIN, 11));
    let sri = format!("integrity=sha384-{}", drawn(64, PLAIN, 12));
    let none = [
        "2026-11-30T11:12:13.123456Z  INFO api::http: GET /users/9b1f3c52-7d04-4e8a-b6d1-0f2a7c35e981 200 in 12ms",
        "commit 0123456789abcdef0123456789abcdef01234567 deployed",
        "trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7",
        "etag: W/\"5e8c-MZ9fTq0bXk2yGh\"",
        "next_page_token=CAoQAhgBIgpXk2yGh9fTq0b",
        "token count: 123456789012345678",
        "password: ********",
        "password for user shop is required",
        "loaded /usr/lib/x86_64-linux-gnu/libssl.so.3 (0x00007f1c2a3b4000)",
        "    at handler (/app/node_modules/express/lib/router/layer.js:95:5)",
        "secret: (redacted)",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "listening on http://127.0.0.1:8080",
        "auth token refreshed, expires_in=3600",
        "csrf_token=9xK2mQ7rT8yU9iO0pAsD",
        "using secret from vault://kv/Shop-1/api",
        "-----BEGIN CERTIFICATE-----",
        image.as_str(),
        sri.as_str(),
    ];
    for line in none {
        assert_eq!(in_text(line), None, "{line}");
    }
}

#[test]
fn what_stands_among_arguments_is_none() {
    for arguments in [
        &["postgres", "-D", "data", "-p", "5432"][..],
        &["node", "--inspect=127.0.0.1:9229", "server.js"],
        &[
            "sh",
            "-c",
            "exec server --token-file /run/Secrets/T0ken9 --port $PORT",
        ],
        &[
            "java",
            "-cp",
            "/opt/a-1.2.3.jar:/opt/b-4.5.6.jar",
            "com.example.Main",
        ],
        &[
            "curl",
            "-H",
            "Authorization: Bearer $TOKEN",
            "http://127.0.0.1",
        ],
        &["app", "--password", "postgres"],
        &[
            "app",
            "--image",
            "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        ],
    ] {
        assert_eq!(
            in_arguments(arguments.iter().copied()),
            None,
            "{arguments:?}"
        );
    }
}

/// Of ten thousand random values hardly one may be missed.
#[test]
fn hardly_a_random_value_is_missed() {
    for (alphabet, length) in [(PLAIN, 20), (PLAIN, 32), (HEX, 32), (HEX, 64)] {
        let missed = (0..10_000).filter(|seed| {
            let value = drawn(length, alphabet, *seed * 2 + 1);
            in_variable("API_TOKEN", &value).is_none()
        });
        let missed = missed.count();
        assert!(
            missed < 100,
            "{missed} of {length} characters of {} kinds",
            alphabet.len()
        );
    }
}

proptest! {
    #[test]
    fn no_text_breaks_anything(text in "\\PC{0,400}", name in "\\PC{0,40}") {
        let _ = (in_text(&text), in_variable(&name, &text), in_arguments(text.split(' ')));
    }
}
