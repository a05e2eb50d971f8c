//! The built UI, inside the program.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};

/// `ui/dist`; the build script sees to it that there is at least a page that says how to build it.
#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
struct Dist;

/// The file at `path`. A path that names no file and no folder of files is a view of the UI, which
/// is one page.
pub(crate) fn answer(path: &str, asked: &HeaderMap) -> Response<Body> {
    let name = path.trim_start_matches('/');
    let (name, file) = match Dist::get(name) {
        Some(file) => (name, Some(file)),
        // A name with a dot in its last part means a file, and a script that is not there must not
        // be answered with a page.
        None if name
            .rsplit('/')
            .next()
            .is_some_and(|last| last.contains('.')) =>
        {
            (name, None)
        }
        None => ("index.html", Dist::get("index.html")),
    };
    match file {
        Some(file) => found(name, file, asked),
        None => empty(StatusCode::NOT_FOUND),
    }
}

fn found(name: &str, file: EmbeddedFile, asked: &HeaderMap) -> Response<Body> {
    let hash: String = file
        .metadata
        .sha256_hash()
        .iter()
        .take(16)
        .map(|b| format!("{b:02x}"))
        .collect();
    let tag = format!("\"{hash}\"");
    // Vite names what it puts in `assets/` by its content.
    let cache = match name.starts_with("assets/") {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let known = asked
        .get(header::IF_NONE_MATCH)
        .is_some_and(|seen| seen.as_bytes() == tag.as_bytes());
    let mut response = match known {
        true => empty(StatusCode::NOT_MODIFIED),
        false => Response::new(Body::from(file.data)),
    };
    let kind = mime_guess::from_path(name).first_or_octet_stream();
    let kind = match kind.type_() {
        mime_guess::mime::TEXT => format!("{kind}; charset=utf-8"),
        _ => kind.to_string(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::ETAG, tag),
        (header::CACHE_CONTROL, cache.to_owned()),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(response: &Response<Body>) -> &str {
        response.headers()[header::CONTENT_TYPE].to_str().unwrap()
    }

    #[test]
    fn every_view_is_the_one_page_and_a_missing_file_is_missing() {
        for path in ["/", "/index.html", "/cluster/shop-1", "/incidents"] {
            let response = answer(path, &HeaderMap::new());
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(kind(&response), "text/html; charset=utf-8");
        }
        for path in [
            "/assets/none.js",
            "/../Cargo.toml",
            "/..%2fCargo.toml",
            "/a/../../Cargo.toml",
            "/favicon.xyz",
        ] {
            assert_eq!(
                answer(path, &HeaderMap::new()).status(),
                StatusCode::NOT_FOUND,
                "{path}"
            );
        }
    }

    #[test]
    fn a_page_the_browser_has_is_not_sent_again() {
        let first = answer("/", &HeaderMap::new());
        let mut asked = HeaderMap::new();
        asked.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        assert_eq!(answer("/", &asked).status(), StatusCode::NOT_MODIFIED);
    }
}
