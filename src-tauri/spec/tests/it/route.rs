//! `route`: how the gateway leads to a service.

use spec::{HashBy, Route};
use std::time::Duration;

fn read(lines: &str) -> Result<Route, String> {
    let text = format!("[service.api]\nrun = \"api\"\nport = 0\n[service.api.route]\n{lines}\n");
    let parsed = crate::parse(&text).map_err(|problems| problems.render(100, false));
    parsed.map(|cluster| cluster.services.into_values().next().unwrap().route)
}

#[test]
fn what_is_said_is_read_and_the_rest_is_the_gateways() {
    assert_eq!(read("").unwrap(), Route::default());
    let route = read(
        "hash = \"cookie:session\"\ntimeout = \"30s\"\ntry_timeout = \"5s\"\nretries = 0\nrate = 50\n\
         allow_origins = [\"https://app.example.com\"]",
    )
    .unwrap();
    assert_eq!(route.hash, Some(HashBy::Cookie("session".into())));
    // Who says by what means to hash.
    assert_eq!(route.balance, Some(model::view::Balance::Hash));
    assert_eq!(route.timeout, Some(Duration::from_secs(30)));
    assert_eq!((route.retries, route.rate), (Some(0), Some(50)));
    let words = route.to_string();
    assert!(words.contains("hash cookie:session"), "{words}");
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_would_be_right() {
    for (line, said) in [
        ("balance = \"random\"", "least_of_two"),
        ("hash = \"ip\"", "header:X-User"),
        ("hash = \"header:a b\"", "header:X-User"),
        ("timeout = 30", "add a unit"),
        ("retries = 11", "10"),
        ("rate = 0", "rate"),
        ("allow_origins = [\"app.example.com\"]", "without a path"),
        (
            "allow_origins = [\"https://app.example.com/a\"]",
            "without a path",
        ),
        ("alow_origins = []", "allow_origins"),
    ] {
        let told = read(line).unwrap_err();
        assert!(told.contains(said), "{line}: {told}");
    }
}
