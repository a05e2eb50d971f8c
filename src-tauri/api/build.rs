//! Sees to it that there is a UI to embed: the built one, or a page that says how to build it.

use std::path::Path;

const PAGE: &str = "<!doctype html>\n<meta charset=\"utf-8\">\n<title>Azora</title>\n\
<p>This build of Azora has no UI in it. Build it with <code>npm --prefix ui ci</code> and \
<code>npm --prefix ui run build</code>, then build Azora again.</p>\n";

fn main() {
    let dist = Path::new("../../ui/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    println!("cargo::rerun-if-changed=build.rs");
    let page = dist.join("index.html");
    if page.exists() {
        return;
    }
    let written = std::fs::create_dir_all(dist).and_then(|()| std::fs::write(&page, PAGE));
    if let Err(error) = written {
        println!("cargo::error=failed to write {}: {error}", page.display());
    }
}
