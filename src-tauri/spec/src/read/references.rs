//! `${service.key}` in the texts of a service: noted where they are met, checked when all services
//! and their ports are known.

use super::{Draft, Reader};
use crate::cluster::Template;
use crate::problem::{Problem, Span, quoted};
use crate::suggest;
use crate::template::{self, Piece, REFERENCE_KEYS};
use model::ServiceName;
use std::collections::BTreeMap;

/// A reference met in a text.
pub(crate) struct Reference {
    /// The service in whose text it stands.
    own: ServiceName,
    /// The service it names, `self` resolved.
    service: String,
    /// `${service.key}`.
    whole: Span,
    /// The service's name in it.
    name: Span,
}

/// A text's place in the file.
pub(super) struct Written {
    span: Span,
    /// Where the text itself begins; `None` when it has escapes in it and is written differently.
    start: Option<usize>,
}

impl Written {
    /// The place of a part of the text; of all of it when it has escapes in it.
    pub(super) fn part(&self, part: &Span) -> Span {
        match self.start {
            Some(start) => start + part.start..start + part.end,
            None => self.span.clone(),
        }
    }
}

impl Reader<'_> {
    /// Where a text stands in the file, so that parts of it can be pointed at.
    pub(super) fn written(&self, span: &Span, text: &str) -> Written {
        let raw = self.text.get(span.clone()).unwrap_or_default();
        // After one quote or three, and after three perhaps a line end.
        let start = [1, 3, 4, 5]
            .into_iter()
            .find(|quotes| raw.get(*quotes..*quotes + text.len()) == Some(text))
            .map(|quotes| span.start + quotes);
        Written {
            span: span.clone(),
            start,
        }
    }

    /// Notes the references of a text and what is wrong with their form.
    pub(super) fn references(&mut self, own: &ServiceName, text: &str, span: &Span) {
        let written = self.written(span, text);
        for piece in template::pieces(text) {
            match piece {
                Piece::Text(_) => {}
                Piece::Unclosed { whole } => {
                    let begun = &text[whole.clone()];
                    let key = begun.rsplit('.').next().unwrap_or_default();
                    let whole_span = written.part(&whole);
                    let help = if REFERENCE_KEYS.contains(&key) {
                        format!("write `{begun}}}`")
                    } else {
                        "a reference is `${service.port}`, `${service.host}` or `${service.url}`"
                            .into()
                    };
                    self.refuse(
                        &whole_span,
                        format!("the reference {} is not closed", quoted(begun)),
                        "no } right after this",
                        &help,
                    );
                }
                Piece::Reference {
                    service,
                    key,
                    whole,
                } => {
                    let name = &text[service.clone()];
                    let found_key = &text[key.clone()];
                    let whole_span = written.part(&whole);
                    if name.is_empty() || found_key.is_empty() {
                        self.refuse(&whole_span, format!("the reference {} is not complete", quoted(&text[whole])),
                            "service or key is missing", "a reference is `${service.port}`, `${service.host}` or `${service.url}`; `$${` is a plain `${`");
                        continue;
                    }
                    if !REFERENCE_KEYS.contains(&found_key) {
                        let key_span = written.part(&key);
                        self.problems.add(|| {
                            let help = match suggest::nearest(found_key, REFERENCE_KEYS) {
                                Some(nearest) => format!("did you mean `${{{name}.{nearest}}}`?"),
                                None => "a reference is `${service.port}`, `${service.host}` or `${service.url}`; \
                                         `$${` is a plain `${`".into(),
                            };
                            Problem::new(key_span, format!("a service has no {}", quoted(found_key)), "not port, host or url").help(help)
                        });
                        continue;
                    }
                    self.references.push(Reference {
                        own: own.clone(),
                        service: if name == "self" {
                            own.to_string()
                        } else {
                            name.to_owned()
                        },
                        whole: whole_span,
                        name: written.part(&service),
                    });
                }
            }
        }
    }

    /// A text with references.
    pub(super) fn template(&mut self, own: &ServiceName, text: &str, span: &Span) -> Template {
        self.references(own, text, span);
        template::template(text, own)
    }

    /// Checks what was noted: the services exist and have ports.
    pub(super) fn check_references(&mut self, drafts: &BTreeMap<ServiceName, Draft>) {
        for reference in std::mem::take(&mut self.references) {
            let Some(draft) = drafts.get(reference.service.as_str()) else {
                let otherwise = format!(
                    "add [service.{}]; if it is not meant as a reference, write `$${{` for a plain `${{`",
                    reference.service
                );
                self.unknown_service(&reference.service, &reference.name, drafts, &otherwise);
                continue;
            };
            if draft.service.port.is_some() || draft.port_unclear {
                continue;
            }
            let name = &reference.service;
            self.problems.add(|| {
                Problem::new(
                    reference.whole.clone(),
                    format!("service `{name}` has no port to refer to"),
                    format!("`{}` refers to it here", reference.own),
                )
                .and(draft.name.clone(), "no `port` here, and no $PORT in `run`")
                .help(format!(
                    "give `{name}` a port: port = 8080, or port = 0 for any free one"
                ))
            });
        }
        for (service, span) in std::mem::take(&mut self.probed_ports) {
            let Some(draft) = drafts.get(&service) else {
                continue;
            };
            if draft.service.port.is_some() || draft.port_unclear {
                continue;
            }
            self.problems.add(|| {
                Problem::new(span, format!("the probe of `{service}` asks a port, and `{service}` has none"), "asks the service's own port")
                    .and(draft.name.clone(), "no `port` here, and no $PORT in `run`")
                    .help("give it a port: port = 8080, or port = 0 for any free one, which the program finds in $PORT")
            });
        }
    }

    /// Notes a service that does not exist, with the one that may be meant.
    pub(super) fn unknown_service(
        &mut self,
        name: &str,
        span: &Span,
        drafts: &BTreeMap<ServiceName, Draft>,
        otherwise: &str,
    ) {
        if self.misnamed.contains(name) {
            return;
        }
        self.problems.add(|| {
            let help = match suggest::nearest(name, drafts.keys().map(ServiceName::as_str)) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => otherwise.to_owned(),
            };
            Problem::new(
                span.clone(),
                format!("there is no service {}", quoted(name)),
                "not defined in this file",
            )
            .help(help)
        });
    }
}
