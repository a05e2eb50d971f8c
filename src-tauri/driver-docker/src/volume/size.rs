//! How much is in volumes. Daemons changed the form of this one answer, and the client knows the newer alone, so
//! it is asked for by hand: one request of HTTP 1.0, which is answered in one piece.

use crate::find::Address;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// A daemon counts every file of every volume.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest answer that is read.
const MOST: u64 = 16 << 20;
const REQUEST: &[u8] = b"GET /system/df?type=volume HTTP/1.0\r\nHost: daemon\r\n\r\n";

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Volumes", default)]
    volumes: Option<Vec<One>>,
    #[serde(rename = "VolumeUsage", default)]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(rename = "Items", default)]
    items: Option<Vec<One>>,
}

#[derive(Deserialize)]
struct One {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "UsageData", default)]
    usage: Option<Size>,
}

#[derive(Deserialize)]
struct Size {
    #[serde(rename = "Size")]
    size: i64,
}

/// The bytes of each volume, as far as the daemon says. To know how much would be lost is not worth failing for.
pub(super) async fn all(address: &Address) -> BTreeMap<String, u64> {
    let asked = async {
        match address {
            Address::Unix(path) => answer(UnixStream::connect(path).await.ok()?).await,
            Address::Tcp(place) => answer(TcpStream::connect(place).await.ok()?).await,
        }
    };
    let answer = tokio::time::timeout(PATIENCE, asked).await;
    answer
        .ok()
        .flatten()
        .map(|text| sizes(&text))
        .unwrap_or_default()
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Option<Vec<u8>> {
    stream.write_all(REQUEST).await.ok()?;
    let mut text = Vec::new();
    stream.take(MOST).read_to_end(&mut text).await.ok()?;
    let end = text.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(text.split_off(end + 4))
}

fn sizes(json: &[u8]) -> BTreeMap<String, u64> {
    let Ok(answer) = serde_json::from_slice::<Answer>(json) else {
        return BTreeMap::new();
    };
    let newer = answer.usage.and_then(|usage| usage.items);
    let all = answer.volumes.or(newer).unwrap_or_default();
    // Less than nothing is how it is said that it is not known.
    let size = |one: One| Some((one.name, u64::try_from(one.usage?.size).ok()?));
    all.into_iter().filter_map(size).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_what_is_not_known_is_left_out() {
        let older = br#"{"LayersSize":0,"Images":null,"Volumes":[{"Name":"a","UsageData":{"Size":7,"RefCount":1}},
            {"Name":"b","UsageData":{"Size":-1,"RefCount":0}},{"Name":"c"}]}"#;
        let newer =
            br#"{"VolumeUsage":{"Items":[{"Name":"a","UsageData":{"Size":7,"RefCount":1}}]}}"#;
        for text in [&older[..], newer] {
            assert_eq!(sizes(text), BTreeMap::from([("a".to_owned(), 7)]));
        }
        assert!(sizes(b"not found").is_empty());
    }
}
