//! Any path and any body behind a head that is in order, so that what reads them is reached each time.
//!
//! The first byte is the route, the first line the rest of the path, what follows the body.
#![no_main]

const ROUTES: &[(&str, &str)] = &[
    ("POST", "/register"),
    ("GET", "/services"),
    ("GET", "/services/"),
    ("PUT", "/services/"),
    ("DELETE", "/services/"),
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let route = |n: usize| (ROUTES[n].0, ROUTES[n].1.to_owned());
    fuzz::any_of_the_routes(fuzz::world().registry, ROUTES.len(), route, bytes);
});
