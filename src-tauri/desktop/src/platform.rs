//! What differs between desktops, and how it is found out.

use std::time::Duration;

/// A session bus that does not answer in this time is as good as none.
const BUS: Duration = Duration::from_secs(2);

/// True when this desktop shows tray icons. Asked when it matters and not at the start, because
/// panels come and go.
#[cfg(target_os = "linux")]
pub(crate) async fn tray_is_shown() -> bool {
    // Whoever draws StatusNotifier icons owns this name; GNOME without an extension has nobody.
    const WATCHER: &str = "org.kde.StatusNotifierWatcher";
    let asked = async {
        let bus = zbus::Connection::session().await?;
        let name = WATCHER.try_into().map_err(zbus::Error::from)?;
        zbus::Result::Ok(
            zbus::fdo::DBusProxy::new(&bus)
                .await?
                .name_has_owner(name)
                .await?,
        )
    };
    match tokio::time::timeout(BUS, asked).await {
        Ok(Ok(shown)) => shown,
        Ok(Err(error)) => {
            tracing::debug!(%error, "no session bus, so no tray");
            false
        }
        Err(_) => false,
    }
}

/// macOS and Windows always have one.
#[cfg(not(target_os = "linux"))]
pub(crate) async fn tray_is_shown() -> bool {
    let _ = BUS;
    true
}

/// The name of this home's app on the session bus: one window per home, not per machine.
pub(crate) fn bus_name(identifier: &str, home: &std::path::Path) -> String {
    // FNV-1a, 64 bit: the name must be the same in every build, and std's hashers may change.
    let hash = home
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    format!("{identifier}.h{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn two_homes_are_two_apps_and_one_home_is_one() {
        let name = |home: &str| bus_name("dev.azora.desktop", Path::new(home));
        assert_eq!(name("/a"), name("/a"));
        assert_ne!(name("/a"), name("/b"));
        // D-Bus: no element begins with a digit, 255 characters at most.
        assert_eq!(name("/a"), "dev.azora.desktop.h07d66707b49cd92d");
    }
}
