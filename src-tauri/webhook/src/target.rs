//! One receiver: what it wants, how it stands with it, and one try to send it something.

use crate::Config;
use crate::answer::{Answer, Outcome};
use crate::message::{MEDIA_TYPE, Message};
use crate::post::Line;
use crate::{secret, tls};
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use model::webhook::{Delivery, WebhookFailure, WebhookState, WebhookTested, WebhookView};
use model::{Event, Timestamp, WebhookName};
use rustls::ClientConfig;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::{Store, Waiting};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use url::{Position, Url};

/// See the module.
pub(crate) struct Target {
    pub(crate) name: WebhookName,
    pub(crate) settings: spec::Webhook,
    /// The settings were checked, so there is one.
    url: Option<Url>,
    pub(crate) config: Arc<Config>,
    /// Something new is in the outbox.
    pub(crate) written: Notify,
    /// It is to be tried now, whatever was waited for.
    pub(crate) again: Notify,
    /// What a person should know of it.
    pub(crate) trouble: watch::Sender<Option<String>>,
    stand: Mutex<Stand>,
    /// Made with files; made anew after a failure, because they may have changed.
    tls: Mutex<Option<Arc<ClientConfig>>>,
}

/// How it stands.
#[derive(Debug, Clone, Default)]
struct Stand {
    kept: Kept,
    /// What is under way: the number of an event.
    sending: Option<u64>,
    next: Option<Timestamp>,
}

/// What of it the next engine has to know.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    delivered: Option<Delivery>,
    failed: Option<WebhookFailure>,
    refused: u64,
    /// The URL that was said to be gone.
    gone: Option<String>,
}

impl Target {
    pub(crate) fn new(
        name: WebhookName,
        settings: spec::Webhook,
        config: Arc<Config>,
        remembered: Option<&str>,
    ) -> Self {
        let mut kept: Kept = remembered
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        // Another URL is another receiver.
        kept.gone.take_if(|url| *url != settings.url);
        Self {
            name,
            url: Url::parse(&settings.url).ok(),
            settings,
            config,
            written: Notify::new(),
            again: Notify::new(),
            trouble: watch::channel(None).0,
            stand: Mutex::new(Stand {
                kept,
                ..Stand::default()
            }),
            tls: Mutex::default(),
        }
    }

    pub(crate) fn clock(&self) -> Timestamp {
        (self.config.clock)()
    }

    fn stand(&self) -> MutexGuard<'_, Stand> {
        self.stand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An event is to be sent here. Those of the home itself concern every cluster.
    pub(crate) fn wants(&self, event: &Event) -> bool {
        let clusters = &self.settings.clusters;
        let of_one = |id: &str| {
            // An id is a name, a hyphen and a hash.
            let name = id.rsplit_once('-').map_or(id, |(name, _)| name);
            clusters.iter().any(|wanted| wanted.as_str() == name)
        };
        let cluster = event.cluster.as_ref();
        self.settings.events.contains(event.what.name())
            && (clusters.is_empty() || cluster.is_none_or(|id| of_one(id.as_str())))
    }

    /// Where it leads, without what may be secret in it.
    fn place(&self) -> String {
        let Some(url) = &self.url else {
            return String::new();
        };
        let more = url.path() != "/" || url.query().is_some();
        let place = &url[..Position::BeforePath];
        format!("{place}{}", if more { "/…" } else { "" })
    }

    pub(crate) fn view(&self, waiting: Waiting) -> WebhookView {
        let stand = self.stand().clone();
        let (state, reason) = match (&stand, waiting.count) {
            (stand, _) if stand.kept.gone.is_some() => (
                WebhookState::Gone,
                format!(
                    "it said that it is gone for good: nothing is sent until it takes \
                     `azora webhooks test {}`, or has another `url`",
                    self.name
                ),
            ),
            (Stand { next: Some(_), .. }, 1..) => {
                let failed = stand.kept.failed.as_ref();
                let why = failed.map_or("the last try failed", |failed| failed.why.as_str());
                (WebhookState::Retrying, why.to_owned())
            }
            (
                Stand {
                    sending: Some(seq), ..
                },
                1..,
            ) => (WebhookState::Sending, format!("event {seq} is under way")),
            (_, 1..) => (
                WebhookState::Sending,
                "the next is about to be sent".to_owned(),
            ),
            (_, 0) if stand.kept.delivered.is_some() => {
                (WebhookState::Idle, "all is delivered".to_owned())
            }
            (_, 0) => (
                WebhookState::Idle,
                "nothing has happened yet that it is to be told".to_owned(),
            ),
        };
        WebhookView {
            name: self.name.clone(),
            place: self.place(),
            events: self
                .settings
                .events
                .iter()
                .map(|&name| name.to_owned())
                .collect(),
            clusters: self
                .settings
                .clusters
                .iter()
                .map(ToString::to_string)
                .collect(),
            state,
            reason,
            waiting: u32::try_from(waiting.count).unwrap_or(u32::MAX),
            oldest: waiting.oldest,
            delivered: stand.kept.delivered,
            failed: stand.kept.failed,
            next: stand.next.filter(|_| state == WebhookState::Retrying),
            lost: waiting.lost,
            refused: stand.kept.refused,
        }
    }

    // === how it stands ===

    pub(crate) fn is_gone(&self) -> bool {
        self.stand().kept.gone.is_some()
    }

    pub(crate) fn sends(&self, seq: Option<u64>) {
        let mut stand = self.stand();
        stand.sending = seq;
        stand.next = None;
    }

    /// It is tried again then.
    pub(crate) fn waits(&self, next: Timestamp) {
        self.stand().next = Some(next);
    }

    pub(crate) fn took(&self, seq: u64, status: u16) {
        let at = self.clock();
        self.stand().kept.delivered = Some(Delivery { seq, at, status });
        self.trouble.send_replace(None);
    }

    pub(crate) fn failed(&self, why: String) {
        let at = self.clock();
        self.stand().kept.failed = Some(WebhookFailure { at, why });
        *self.tls.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) fn refused(&self) {
        self.stand().kept.refused += 1;
    }

    pub(crate) fn gone(&self, gone: bool) {
        self.stand().kept.gone = gone.then(|| self.settings.url.clone());
    }

    /// What is to be remembered of it.
    pub(crate) fn remembered(&self) -> String {
        serde_json::to_string(&self.stand().kept).unwrap_or_default()
    }

    // === sending ===

    /// One try, over the connection there is or a new one.
    pub(crate) async fn attempt(&self, line: &mut Option<Line>, message: &Message) -> Outcome {
        let timeout = self.settings.timeout;
        let trying = async {
            if let Some(old) = line.take().filter(Line::open_still) {
                // A receiver may close a connection in the moment it is used again.
                if let Ok((answer, kept)) = old.post(self.request(message)?).await {
                    *line = kept;
                    return Ok(answer);
                }
            }
            let request = self.request(message)?;
            let url = self.url.as_ref().ok_or("it has no URL")?;
            let tls = match url.scheme() {
                "https" => Some(self.tls().await?),
                _ => None,
            };
            let new = Line::open(url, tls).await?;
            let (answer, kept) = new.post(request).await?;
            *line = kept;
            Ok::<Answer, String>(answer)
        };
        match tokio::time::timeout(timeout, trying).await {
            Ok(Ok(answer)) => answer.means(self.clock()),
            Ok(Err(why)) => Outcome::Again { after: None, why },
            Err(_) => Outcome::Again {
                after: None,
                why: format!("it did not answer within {} s", timeout.as_secs()),
            },
        }
    }

    async fn tls(&self) -> Result<Arc<ClientConfig>, String> {
        let known = || self.tls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = known().clone() {
            return Ok(config);
        }
        let (home, ca) = (self.config.home.clone(), self.settings.ca.clone());
        let made = tokio::task::spawn_blocking(move || tls::config(&home, ca.as_deref())).await;
        let made = made.map_err(|_| "reading the roots broke off".to_owned())??;
        *known() = Some(Arc::clone(&made));
        Ok(made)
    }

    fn request(&self, message: &Message) -> Result<Request<Full<Bytes>>, String> {
        let url = self.url.as_ref().ok_or("it has no URL")?;
        let host = &url[Position::BeforeHost..Position::AfterPort];
        let mut request = Request::post(&url[Position::BeforePath..Position::AfterQuery])
            .header(HOST, host)
            .header(USER_AGENT, format!("azora/{}", self.config.version))
            .header(CONTENT_TYPE, MEDIA_TYPE);
        if let Some(place) = &self.settings.authorization {
            let value = secret::read(&self.config.home, place)?;
            let mut value = HeaderValue::try_from(value)
                .map_err(|_| "the key for `authorization` has characters no header can have")?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        if let Some(place) = &self.settings.sign {
            let key = secret::read(&self.config.home, place)?;
            let seconds = self.clock().0 / 1_000;
            let signed = secret::signature(&key, &message.id, seconds, &message.body)?;
            request = request
                .header("webhook-id", &message.id)
                .header("webhook-timestamp", seconds)
                .header("webhook-signature", signed);
        }
        request
            .body(Full::from(message.body.clone()))
            .map_err(|error| format!("it cannot be asked: {error}"))
    }

    /// Sends what is only a test.
    pub(crate) async fn test(&self, store: &Store, message: &Message) -> WebhookTested {
        let began = Instant::now();
        let outcome = self.attempt(&mut None, message).await;
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (taken, mut said) = match outcome {
            Outcome::Taken { status } => (true, format!("it answered {status}")),
            Outcome::Again { why, .. } | Outcome::Refused { why } | Outcome::Gone { why } => {
                (false, why)
            }
        };
        if taken {
            let was_gone = self.is_gone();
            self.gone(false);
            if was_gone {
                let remembered = self.remembered();
                let noted = store
                    .outbox()
                    .remember(self.name.as_str(), &remembered)
                    .await;
                said = match noted {
                    Ok(()) => format!("{said}; it is not gone any more, and what waits is sent"),
                    Err(error) => format!("{said}; that it is not gone could not be kept: {error}"),
                };
            }
            self.again.notify_one();
        }
        WebhookTested {
            name: self.name.clone(),
            place: self.place(),
            taken,
            said,
            took_ms,
        }
    }
}
