//! Names of another format as names of services.

use model::name::MAX_NAME;

/// The nearest name to one that may have other characters: `Web_API` is `web-api`.
#[must_use]
pub fn service(name: &str) -> String {
    let mut made = String::new();
    for c in name.chars().flat_map(char::to_lowercase).take(MAX_NAME) {
        match c {
            'a'..='z' | '0'..='9' => made.push(c),
            _ if made.is_empty() => {}
            _ => made.push('-'),
        }
    }
    match made.as_str() {
        "" => "service".to_owned(),
        // `${self.port}` means a service's own port.
        "self" => "self-service".to_owned(),
        _ => made,
    }
}

/// Another name for one that is taken: `web` is `web-2`. A long one loses its end, not its number.
pub(crate) fn numbered(name: &str, number: usize) -> String {
    let number = format!("-{number}");
    let room = MAX_NAME.saturating_sub(number.len());
    let begins: String = name.chars().take(room).collect();
    begins + &number
}
