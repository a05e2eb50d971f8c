//! Any path, query and body behind a head that is in order, to each route of Consul's API.
//!
//! The first byte is the route, the first line the rest of the path with its query, what follows the body.
#![no_main]

use registry::consul::ROUTES;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let route = |n: usize| (ROUTES[n].0.name(), format!("/v1/{}", ROUTES[n].1));
    fuzz::any_of_the_routes(fuzz::world().consul, ROUTES.len(), route, bytes);
});
