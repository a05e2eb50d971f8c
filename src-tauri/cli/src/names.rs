//! Where services are reached by their names, as `ps` and `up` say it.

use model::ServiceName;
use std::collections::BTreeMap;

/// More than these are said in one line: they differ in nothing but the service.
const EACH: usize = 5;

/// The addresses of services through the gateway; nothing where there are none. Whether a service speaks HTTP nobody
/// knows: the line says that it has to.
pub(crate) fn lines(urls: &BTreeMap<ServiceName, String>) -> Vec<String> {
    let behind = |(service, url): (&ServiceName, &String)| {
        let behind = url
            .strip_prefix("http://")?
            .strip_prefix(service.as_str())?;
        Some(behind.to_owned())
    };
    let mut all = urls.iter().map(behind);
    let same = match all.next() {
        Some(first) if urls.len() > EACH && all.all(|other| other == first) => first,
        _ => None,
    };
    match same {
        Some(behind) => vec![format!(
            "HTTP by name  http://SERVICE{behind} for each of {} services",
            urls.len()
        )],
        None => urls
            .values()
            .map(|url| format!("HTTP by name  {url}"))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(names: &[&str]) -> BTreeMap<ServiceName, String> {
        let url = |name: &&str| format!("http://{name}.shop.localhost:7422/");
        let all = names.iter().map(|name| (name.parse().unwrap(), url(name)));
        all.collect()
    }

    #[test]
    fn few_are_said_one_by_one_and_many_in_one_line() {
        assert_eq!(
            lines(&urls(&["api", "web"])),
            [
                "HTTP by name  http://api.shop.localhost:7422/",
                "HTTP by name  http://web.shop.localhost:7422/"
            ]
        );
        let mut many = urls(&["a", "b", "c", "d", "e", "f"]);
        let one = "HTTP by name  http://SERVICE.shop.localhost:7422/ for each of 6 services";
        assert_eq!(lines(&many), [one]);
        many.insert(
            "g".parse().unwrap(),
            "http://g.shop-1a2b3c4d.localhost:7422/".into(),
        );
        assert_eq!(lines(&many).len(), 7);
        assert!(lines(&urls(&[])).is_empty());
    }
}
