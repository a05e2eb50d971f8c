//! What a refusal looks like, to whom.

use super::*;

fn asked(name: HeaderName, value: &'static str) -> Asked {
    // As a browser that goes somewhere by itself.
    let headers = HeaderMap::from_iter(
        [
            (name, value),
            (SEC_FETCH_MODE, "navigate"),
            (HeaderName::from_static("sec-fetch-site"), "same-origin"),
        ]
        .map(|(name, value)| (name, HeaderValue::from_static(value))),
    );
    Asked::new(&Method::GET, Version::HTTP_11, &headers, Has::of(&headers))
}

fn body(response: Response<Answer>) -> String {
    match response.into_body() {
        Answer::Whole(bytes) => String::from_utf8(bytes.unwrap().to_vec()).unwrap(),
        Answer::Streamed(_) => panic!("it is said at once"),
    }
}

#[test]
fn people_get_a_page_programs_json_and_grpc_its_status() {
    let nobody = Nobody {
        why: "<script>api.0</script> is starting".into(),
        since: Timestamp(0),
        coming: true,
        back: Back::Start,
    };
    let cluster = "shop-1a2b3c4d".parse().ok();
    let route = Route::new("api.shop", "api.shop-1a2b3c4d", cluster, "api");
    route.lead(true, Vec::new());
    let refusal = Refusal::nobody(&route, &nobody, Timestamp(90_000));
    let page = refusal.answer(&asked(ACCEPT, "text/html, */*"));
    assert_eq!(page.status(), 503);
    assert_eq!(page.headers()[RETRY_AFTER], "1");
    let page = body(page);
    assert!(
        page.contains("&lt;script&gt;") && !page.contains("<script>"),
        "{page}"
    );
    assert!(page.contains("For 90 s."), "{page}");
    let json = body(refusal.answer(&asked(ACCEPT, "*/*")));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(
        json["error"].as_str().unwrap().contains("is starting"),
        "{json}"
    );
    let mut grpc = asked(CONTENT_TYPE, "application/grpc+proto");
    assert_eq!(refusal.answer(&grpc).status(), 503);
    grpc.version = Version::HTTP_2;
    let grpc = refusal.answer(&grpc);
    assert_eq!(grpc.status(), StatusCode::OK);
    assert_eq!(grpc.headers()[GRPC_STATUS], "14");
}

#[test]
fn what_was_not_understood_ends_the_connection() {
    let refusal = crate::guard::malformed("it has no Host header");
    let answer = refusal.answer(&asked(ACCEPT, "*/*"));
    assert_eq!(answer.headers()[CONNECTION], "close");
    let refusal = Refusal::new(
        StatusCode::NOT_FOUND,
        "nothing here is called a.localhost",
        "",
    );
    let answer = refusal.answer(&asked(ACCEPT, "*/*"));
    assert!(!answer.headers().contains_key(CONNECTION));
}

#[test]
fn a_person_is_told_what_to_type_and_a_page_looks_again_by_itself() {
    let stopped = Nobody {
        why: "api.0 is stopped".into(),
        since: Timestamp(0),
        coming: false,
        back: Back::Start,
    };
    let cluster = "shop-1a2b3c4d".parse().ok();
    let route = Route::new("api.shop", "api.shop-1a2b3c4d", cluster, "api");
    route.lead(true, Vec::new());
    let refusal = Refusal::nobody(&route, &stopped, Timestamp(0));
    let html = asked(ACCEPT, "text/html");
    let page = body(refusal.answer(&html));
    for words in [
        "No instance of api in shop can answer: api.0 is stopped.",
        "<code>azora start api --cluster shop</code> starts it",
        "<meta http-equiv=refresh content=5>",
    ] {
        assert!(page.contains(words), "{page}");
    }
    for (back, words) in [
        (
            Back::Release,
            "<code>azora release api --cluster shop</code> takes it out of quarantine",
        ),
        (
            Back::Unhold,
            "<code>azora unhold api --cluster shop</code> lets it go on",
        ),
        (Back::Healing, "Azora tries it again by itself"),
    ] {
        let nobody = Nobody {
            back,
            ..stopped.clone()
        };
        let refusal = Refusal::nobody(&route, &nobody, Timestamp(0));
        let page = body(refusal.answer(&html));
        assert!(
            page.contains(words) && !page.contains("azora start"),
            "{page}"
        );
    }
    let mut form = asked(ACCEPT, "text/html");
    form.repeatable = false;
    let page = body(refusal.answer(&form));
    assert!(!page.contains("http-equiv=refresh"), "{page}");
    let page = body(Refusal::broken(&route, "it broke off").answer(&html));
    assert!(page.contains("azora logs api --cluster shop"), "{page}");
    let itself = Route::new("mail", "mail", None, "mail");
    let page = body(Refusal::broken(&itself, "it broke off").answer(&html));
    assert!(page.contains("registered itself"), "{page}");
}

#[test]
fn a_page_asks_by_itself_for_nothing_that_an_instance_may_have_died_of() {
    let route = Route::new("mail", "mail", None, "mail");
    let html = asked(ACCEPT, "text/html");
    let broken = Refusal::broken(&route, "it broke off");
    let late = Refusal::new(StatusCode::GATEWAY_TIMEOUT, "it has not answered", "");
    for refusal in [broken, late] {
        let page = body(refusal.answer(&html));
        assert!(!page.contains("http-equiv=refresh"), "{page}");
        assert!(page.contains("<a href=\"\">Try again</a>"), "{page}");
    }
    let mut form = asked(ACCEPT, "text/html");
    form.repeatable = false;
    let page = body(Refusal::broken(&route, "it broke off").answer(&form));
    assert!(!page.contains("Try again"), "{page}");
}

#[test]
fn a_page_that_asks_again_says_where_it_is() {
    let uri: Uri = "/a?b=c".parse().unwrap();
    let host = HeaderValue::from_static("api.shop.localhost:7422");
    for (from, itself) in [
        ("http://api.shop.localhost:7422/a?b=c", true),
        ("http://API.shop.localhost:7422/a?b=c", true),
        ("http://api.shop.localhost:7422/a", false),
        ("http://api.shop.localhost:7422/", false),
        ("http://web.shop.localhost:7422/a?b=c", false),
        ("https://api.shop.localhost:7422/a?b=c", false),
        ("", false),
    ] {
        assert_eq!(
            asked(REFERER, from).is_from_itself(&host, &uri),
            itself,
            "{from}"
        );
    }
    assert!(!asked(ACCEPT, "text/html").is_from_itself(&host, &uri));
}

#[test]
fn what_is_not_there_for_long_is_asked_for_seldom() {
    let route = Route::new("mail", "mail", None, "mail");
    let html = asked(ACCEPT, "text/html");
    for (coming, lasts, seconds) in [
        (true, 0, 1),
        (false, 0, 5),
        (false, 90, 5),
        (true, 90, 4),
        (false, 600, 30),
        (false, 86_400, 60),
    ] {
        let nobody = Nobody {
            why: "it is stopped".into(),
            since: Timestamp(0),
            coming,
            back: Back::Start,
        };
        let refusal = Refusal::nobody(&route, &nobody, Timestamp(lasts * 1_000));
        let page = body(refusal.answer(&html));
        let refresh = format!("<meta http-equiv=refresh content={seconds}>");
        assert!(page.contains(&refresh), "{lasts} {page}");
    }
}

#[test]
fn names_are_links_with_their_port() {
    let known = Known {
        help: "These are here.".into(),
        hosts: vec!["api.shop.localhost:7422".into()],
        more: 9,
    };
    let refusal = Refusal::new(
        StatusCode::NOT_FOUND,
        "nothing here is called a.localhost",
        "",
    );
    let page = refusal.page(&asked(ACCEPT, "text/html"), Some(&known));
    let page = String::from_utf8(page.to_vec()).unwrap();
    let link = "<a href=\"http://api.shop.localhost:7422/\">api.shop.localhost:7422</a>";
    assert!(page.contains(link) && page.contains("And 9 more"), "{page}");
    let json = refusal.json(Some(&known));
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["known"][0], "http://api.shop.localhost:7422/");
    assert_eq!(json["more"], 9);
}
