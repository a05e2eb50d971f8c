//! Names people write and ids made from them.
//!
//! One grammar for services and clusters: `[a-z0-9][a-z0-9-]{0,62}`. It is safe as a file name, a
//! DNS label and a URL segment on every platform, so nothing downstream has to escape it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest name, in bytes: what fits a DNS label.
pub const MAX_NAME: usize = 63;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("a name must not be empty")]
    Empty,
    /// Over [`MAX_NAME`] bytes.
    #[error("a name has at most {MAX_NAME} characters, this one has {0}")]
    TooLong(usize),
    /// A character outside the grammar.
    #[error("a name is lower-case letters, digits and inner hyphens; '{0}' is not")]
    Character(char),
    /// Begins with a hyphen.
    #[error("a name begins with a letter or a digit")]
    Start,
    /// The text after the dot of an instance id is not a number.
    #[error("an instance is written service.index, like api.0")]
    Index,
}

fn check(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if let Some(c) = text
        .chars()
        .find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-'))
    {
        return Err(NameError::Character(c));
    }
    if text.len() > MAX_NAME {
        return Err(NameError::TooLong(text.len()));
    }
    if text.starts_with('-') {
        return Err(NameError::Start);
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ts_rs::TS)]
        #[serde(try_from = "String", into = "String")]
        #[ts(type = "string")]
        pub struct $type(Arc<str>);

        impl $type {
            /// The name as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $type {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                check(text)?;
                Ok(Self(text.into()))
            }
        }
        impl TryFrom<String> for $type {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }
        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0.as_ref().to_owned()
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// A service's name, unique within its cluster.
    ServiceName
);
name!(
    /// A cluster's name as its definition gives it. Two folders may use the same one.
    ClusterName
);
name!(
    /// A cluster's identity on this machine: its name, a hyphen and eight hex digits of a hash of
    /// folder and name. The same folder always gives the same id.
    ClusterId
);
name!(
    /// A webhook's name, unique within the settings of a home.
    WebhookName
);
name!(
    /// An agent's name, unique within its home.
    AgentName
);

/// One instance of a service: `api.0`, `api.1`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(try_from = "String", into = "String")]
#[ts(type = "string")]
pub struct InstanceId {
    /// The service it is an instance of.
    pub service: ServiceName,
    /// Counted from 0.
    pub index: u16,
}

impl InstanceId {
    /// The instance of `service` with this index.
    pub fn new(service: ServiceName, index: u16) -> Self {
        Self { service, index }
    }
}

impl FromStr for InstanceId {
    type Err = NameError;
    /// Reads `api.1`; a bare `api` is `api.0`.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let (service, index) = match text.split_once('.') {
            Some((service, index)) => (service, index.parse().map_err(|_| NameError::Index)?),
            None => (text, 0),
        };
        Ok(Self::new(service.parse()?, index))
    }
}
impl TryFrom<String> for InstanceId {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}
impl From<InstanceId> for String {
    fn from(id: InstanceId) -> String {
        id.to_string()
    }
}
impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}", self.service, self.index))
    }
}
impl fmt::Debug for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.service, self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_outside_the_grammar_are_refused_with_the_reason() {
        let refusal = |text: &str| text.parse::<ServiceName>().unwrap_err();
        assert_eq!(refusal(""), NameError::Empty);
        assert_eq!(refusal("-a"), NameError::Start);
        assert_eq!(refusal("a/../b"), NameError::Character('/'));
        assert_eq!(refusal("API"), NameError::Character('A'));
        assert_eq!(refusal(&"a".repeat(64)), NameError::TooLong(64));
    }

    #[test]
    fn an_instance_id_reads_back_as_written() {
        let id: InstanceId = "api.12".parse().unwrap();
        assert_eq!((id.service.as_str(), id.index), ("api", 12));
        assert_eq!(id.to_string(), "api.12");
        assert_eq!("api".parse::<InstanceId>().unwrap().index, 0);
        assert_eq!("api.x".parse::<InstanceId>(), Err(NameError::Index));
    }
}
