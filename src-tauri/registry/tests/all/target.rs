//! Addresses that must not be listed, and those that may.

use ipnet::IpNet;
use proptest::prelude::*;
use registry::target::{self, Refusal};

/// Where an entry may point when nothing is allowed besides.
fn check(url: &str) -> Result<std::net::SocketAddr, Refusal> {
    target::check(url, &[])
}

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
    let urls = refused_urls();
    assert!(urls.len() >= 100, "only {}", urls.len());
    for url in urls {
        assert!(
            check(&url).is_err(),
            "{url:?} was accepted as {:?}",
            check(&url)
        );
    }
    assert!(check("").is_err());
    assert!(check(&format!("http://127.0.0.1/{}", "a".repeat(2_048))).is_err());
}

#[test]
fn an_allowed_network_is_fine_and_nothing_beside_it() {
    let allowed: Vec<IpNet> = ["10.1.0.0/16", "192.168.7.9/32", "fd00:aa::/32"]
        .map(|text| text.parse().unwrap())
        .into();
    let check = |url: &str| target::check(url, &allowed);
    for (url, address) in [
        ("http://10.1.2.3:4000/", "10.1.2.3:4000"),
        ("https://10.1.255.255", "10.1.255.255:443"),
        ("http://192.168.7.9:1/x", "192.168.7.9:1"),
        ("http://[fd00:aa::7]:4000", "[fd00:aa::7]:4000"),
        ("http://127.0.0.1:4000", "127.0.0.1:4000"),
    ] {
        assert_eq!(check(url), Ok(address.parse().unwrap()), "{url}");
    }
    for url in [
        "http://10.2.0.1/",
        "http://192.168.7.10/",
        "http://[fd00:ab::7]/",
        "http://8.8.8.8/",
    ] {
        assert_eq!(check(url), Err(Refusal::Elsewhere), "{url}");
    }
    // Another spelling of an allowed address is another way around a check.
    for url in [
        "http://10.1.515/",
        "http://0xa010203/",
        "http://167838211/",
        "http://10.1.2.3.:80/",
        "http://[fd00:00aa::7]/",
        "http://[FD00:aa::7]/",
    ] {
        assert!(
            matches!(check(url), Err(Refusal::Spelling(_))),
            "{url}: {:?}",
            check(url)
        );
    }
    assert_eq!(
        check("http://[::ffff:10.1.2.3]:80/"),
        Err(Refusal::Mapped("10.1.2.3".parse().unwrap()))
    );
    assert_eq!(check("http://me:secret@10.1.2.3/"), Err(Refusal::UserInfo));
    assert_eq!(check("http://10.1.2.3@8.8.8.8/"), Err(Refusal::UserInfo));
    assert_eq!(check("http://10.1.2.3#@8.8.8.8/"), Err(Refusal::Fragment));
    // A name is refused whatever it means today: it is never looked up.
    for url in [
        "http://db.internal:80/",
        "http://10.1.2.3.nip.io/",
        "http://localhost.:80/",
    ] {
        assert_eq!(check(url), Err(Refusal::Name), "{url}");
    }
    assert!(Refusal::Name.to_string().contains("DNS rebinding"));
}

#[test]
fn what_is_no_address_of_one_machine_is_refused_whatever_is_allowed() {
    let everything: Vec<IpNet> = ["0.0.0.0/0", "::/0"]
        .map(|text| text.parse().unwrap())
        .into();
    for url in [
        "http://0.0.0.0:80/",
        "http://0.1.2.3/",
        "http://169.254.169.254/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://[::]/",
        "http://[fe80::1]/",
        "http://[ff02::1]/",
    ] {
        let refused = target::check(url, &everything);
        assert!(
            matches!(refused, Err(Refusal::Nowhere(_))),
            "{url}: {refused:?}"
        );
    }
    let mapped = target::check("http://[::ffff:127.0.0.1]/", &everything);
    assert!(matches!(mapped, Err(Refusal::Mapped(_))), "{mapped:?}");
    // One that only looks like ours on another machine is another machine's.
    assert!(target::check("http://10.0.0.1:80/", &everything).is_ok());
}

/// One per line; `\u{H}` stands for what cannot be written plainly.
pub(crate) fn refused_urls() -> Vec<String> {
    let urls = include_str!("refused-urls.txt");
    let urls = urls.lines().filter(|line| !line.starts_with('#'));
    urls.map(unescape).collect()
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
