//! Addresses that must not be listed, and those that may.

use proptest::prelude::*;
use registry::target::check;

#[test]
fn this_machine_in_its_usual_spelling_is_fine() {
    for (url, address) in [
        ("http://127.0.0.1:4000", "127.0.0.1:4000"),
        ("http://127.0.0.1:4000/", "127.0.0.1:4000"),
        ("http://127.0.0.1", "127.0.0.1:80"),
        ("https://127.0.0.1/", "127.0.0.1:443"),
        ("http://127.0.0.1:80/", "127.0.0.1:80"),
        ("http://127.8.9.10:1", "127.8.9.10:1"),
        ("http://localhost:4000/a/b?c=d", "127.0.0.1:4000"),
        ("http://localhost?x", "127.0.0.1:80"),
        ("https://[::1]:65535/", "[::1]:65535"),
    ] {
        assert_eq!(check(url), Ok(address.parse().unwrap()), "{url}");
    }
}

#[test]
fn a_hundred_ways_to_somewhere_else_are_refused() {
    let urls = include_str!("refused-urls.txt");
    // One per line; `\xHH` and `\u{H}` stand for what cannot be written plainly.
    let urls: Vec<&str> = urls.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(urls.len() >= 100, "only {}", urls.len());
    for url in urls {
        let url = unescape(url);
        assert!(
            check(&url).is_err(),
            "{url:?} was accepted as {:?}",
            check(&url)
        );
    }
    assert!(check("").is_err());
    assert!(check(&format!("http://127.0.0.1/{}", "a".repeat(2_048))).is_err());
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\u{") {
        let (code, after) = after.split_once('}').unwrap();
        out.push_str(before);
        out.push(char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap());
        rest = after;
    }
    out + rest
}

proptest! {
    /// Whatever is accepted is loopback for this parser and for a much simpler one.
    #[test]
    fn what_is_accepted_is_this_machine(
        scheme in "(https?|HTTP|ftp|file|ws)",
        sep in "(://|:/|:|:///|:\\\\\\\\)",
        host in "([0-9a-fx.]{1,16}|localhost|127\\.0\\.0\\.1|\\[[0-9a-f:.]{2,20}\\]|[a-z.@%\\\\]{1,12})",
        rest in "(:[0-9]{0,6})?[/?#@\\\\a-z.0-9]{0,12}",
    ) {
        let url = format!("{scheme}{sep}{host}{rest}");
        if let Ok(address) = check(&url) {
            prop_assert!(address.ip().is_loopback());
            prop_assert_ne!(address.port(), 0);
            let authority = url.split("//").nth(1).unwrap().split(['/', '?']).next().unwrap();
            prop_assert!(
                authority.starts_with("127.") || authority.starts_with("localhost")
                    || authority.starts_with("[::1]"),
                "{}", url
            );
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}") {
        let _ = check(&text);
        let _ = check(&format!("http://{text}"));
    }
}
