//! Looking at a home's databases from outside.

use model::Act;
use std::path::Path;
use store::Store;

/// Opens a copy of a home's databases as an engine would, has every page of both looked at, and
/// answers the book of acts.
///
/// # Errors
/// What is wrong with them.
pub fn databases(copy: &Path) -> Result<Vec<Act>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let store = Store::open(copy).await.map_err(|error| story(&error))?;
        let looked = async {
            let wrong = store.check().await?;
            Ok::<_, store::Error>((wrong, store.acts().recent(u32::MAX).await?))
        };
        let looked = looked.await.map_err(|error| story(&error));
        store.close().await;
        match looked? {
            (wrong, acts) if wrong.is_empty() => Ok(acts),
            (wrong, _) => Err(wrong.join("; ")),
        }
    })
}

fn story(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
