//! Notifications on the screen, over the session's bus (the Desktop Notifications Specification).
//!
//! One connection and one task: servers tell of clicks only the connection that showed something, and
//! what follows each other is shown in that order. The plugin that does this for other desktops
//! cannot show one notification in the place of another.

use crate::notify::{About, Notice, Subject, Tell};
use futures_util::StreamExt;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::sync::mpsc;
use zbus::zvariant::Value;
use zbus::{Connection, MatchRule, MessageStream};

const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";
/// How long a server may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Clicks that wait to be looked at.
const CLICKS: usize = 64;
/// Notifications that can still be changed or clicked: more than any server keeps.
const REMEMBERED: usize = 256;

/// Shows what comes, in its order, until nothing more can come.
pub(crate) async fn run(
    address: Option<String>,
    mut tells: mpsc::Receiver<Tell>,
    clicked: impl Fn(About),
) {
    let mut screen = None;
    loop {
        let clicks = screen.as_mut();
        tokio::select! {
            tell = tells.recv() => {
                let Some(tell) = tell else { return };
                if screen.is_none() {
                    // Asked for anew as long as there is none: a session's bus may come later.
                    screen = Screen::open(address.as_deref()).await;
                }
                if let Some(open) = &mut screen
                    && let Err(error) = open.tell(tell).await
                {
                    tracing::warn!(%error, "failed to show a notification");
                    screen = None;
                }
            }
            happened = heard(clicks) => match happened {
                Some(Heard::Clicked(what)) => clicked(what),
                Some(Heard::Other) => {}
                None => screen = None,
            }
        }
    }
}

/// What the server said; for ever nothing when there is none.
async fn heard(screen: Option<&mut Screen>) -> Option<Heard> {
    match screen {
        Some(screen) => screen.heard().await,
        None => std::future::pending().await,
    }
}

enum Heard {
    Clicked(About),
    Other,
}

struct Screen {
    connection: Connection,
    signals: MessageStream,
    /// What the server calls what it shows.
    shown: BTreeMap<u32, About>,
    /// It takes actions; it reads markup.
    actions: bool,
    markup: bool,
}

impl Screen {
    async fn open(address: Option<&str>) -> Option<Self> {
        let opening = async {
            let connection = match address {
                Some(address) => zbus::connection::Builder::address(address)?.build().await?,
                None => Connection::session().await?,
            };
            let rule = MatchRule::builder()
                .msg_type(zbus::message::Type::Signal)
                .interface(NAME)?
                .path(PATH)?
                .build();
            let signals = MessageStream::for_match_rule(rule, &connection, Some(CLICKS)).await?;
            let asked = connection
                .call_method(Some(NAME), PATH, Some(NAME), "GetCapabilities", &())
                .await?;
            let can: Vec<String> = asked.body().deserialize()?;
            let has = |what: &str| can.iter().any(|one| one == what);
            zbus::Result::Ok(Self {
                connection,
                signals,
                shown: BTreeMap::new(),
                actions: has("actions"),
                markup: has("body-markup"),
            })
        };
        match tokio::time::timeout(PATIENCE, opening).await {
            Ok(Ok(screen)) => Some(screen),
            Ok(Err(error)) => {
                tracing::warn!(%error, "nobody shows notifications");
                None
            }
            Err(_) => {
                tracing::warn!("whoever shows notifications does not answer");
                None
            }
        }
    }

    async fn tell(&mut self, tell: Tell) -> zbus::Result<()> {
        let telling = async {
            match tell {
                Tell::Show(notice) => self.show(notice).await,
                Tell::Close(subject) => self.close(&subject).await,
            }
        };
        match tokio::time::timeout(PATIENCE, telling).await {
            Ok(told) => told,
            Err(_) => Err(zbus::Error::Failure("no answer in time".to_owned())),
        }
    }

    /// What is on the screen of it.
    fn number(&self, subject: &Subject) -> Option<u32> {
        let mut shown = self.shown.iter();
        let found = shown.find(|(_, about)| about.subject().as_ref() == Some(subject));
        found.map(|(number, _)| *number)
    }

    async fn show(&mut self, notice: Notice) -> zbus::Result<()> {
        /// The server's own time.
        const USUAL: i32 = -1;
        let replaces = notice
            .about
            .subject()
            .and_then(|subject| self.number(&subject));
        let body = match self.markup {
            true => escaped(&notice.body),
            false => notice.body,
        };
        let open = match notice.about {
            About::Incident(..) => "Open the incident",
            About::Incidents => "Open the incidents",
            About::Threat(_) => "Open security",
            About::Approval(_) => "Open the approvals",
            About::Rules => "Open the rules",
            About::App => "Open Azora",
        };
        let actions: &[&str] = match self.actions {
            // The first is a click on the notification itself.
            true => &["default", open, "open", open],
            false => &[],
        };
        // Normal, or critical: that stays until it is put away.
        let urgency: u8 = if notice.urgent { 2 } else { 1 };
        let hints = HashMap::from([
            ("urgency", Value::from(urgency)),
            ("desktop-entry", Value::from("azora-desktop")),
        ]);
        let call = (
            "Azora",
            replaces.unwrap_or(0),
            "azora-desktop",
            notice.title,
            body,
            actions,
            hints,
            USUAL,
        );
        let answer = self
            .connection
            .call_method(Some(NAME), PATH, Some(NAME), "Notify", &call)
            .await?;
        let number: u32 = answer.body().deserialize()?;
        if let Some(old) = replaces {
            self.shown.remove(&old);
        }
        self.shown.insert(number, notice.about);
        if self.shown.len() > REMEMBERED {
            self.shown.pop_first();
        }
        Ok(())
    }

    async fn close(&mut self, subject: &Subject) -> zbus::Result<()> {
        let Some(number) = self.number(subject) else {
            return Ok(());
        };
        self.shown.remove(&number);
        let call = (number,);
        let closed =
            self.connection
                .call_method(Some(NAME), PATH, Some(NAME), "CloseNotification", &call);
        match closed.await {
            // It was put away in the same moment.
            Ok(_) | Err(zbus::Error::MethodError(..)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn heard(&mut self) -> Option<Heard> {
        let Ok(signal) = self.signals.next().await? else {
            return Some(Heard::Other);
        };
        let header = signal.header();
        let member = header.member().map(|member| member.as_str().to_owned());
        match member.as_deref() {
            Some("ActionInvoked") => {
                let Ok((number, _)) = signal.body().deserialize::<(u32, String)>() else {
                    return Some(Heard::Other);
                };
                // Servers tell everybody of everything.
                Some(
                    self.shown
                        .get(&number)
                        .map_or(Heard::Other, |about| Heard::Clicked(about.clone())),
                )
            }
            Some("NotificationClosed") => {
                if let Ok((number, _)) = signal.body().deserialize::<(u32, u32)>() {
                    self.shown.remove(&number);
                }
                Some(Heard::Other)
            }
            _ => Some(Heard::Other),
        }
    }
}

/// Text as the markup of bodies writes it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests;
