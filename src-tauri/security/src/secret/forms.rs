//! Tokens that are known by their form: who issues them says how they begin and how long they are.

use super::Kind;
use super::random::placeholder;

/// Letters that may be in what follows a beginning.
#[derive(Clone, Copy)]
enum Letters {
    /// Capitals and digits.
    Capitals,
    /// Letters and digits.
    Plain,
    /// And `-` and `_`.
    Url,
    /// Hexadecimal digits.
    Hex,
}

impl Letters {
    fn has(self, b: u8) -> bool {
        match self {
            Letters::Capitals => b.is_ascii_uppercase() || b.is_ascii_digit(),
            Letters::Plain => b.is_ascii_alphanumeric(),
            Letters::Url => b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'),
            Letters::Hex => b.is_ascii_hexdigit(),
        }
    }
}

/// How it begins, what follows, at least and at most how long that is, and what it is. As the issuers' pages and the
/// rules of gitleaks tell them; what is meant to be public (`pk_…`) or for tests alone (`sk_test_…`) is left out.
const FORMS: [(&str, Letters, usize, usize, &str); 34] = [
    (
        "azora-agent-",
        Letters::Hex,
        64,
        64,
        "an agent's token of Azora",
    ),
    ("AKIA", Letters::Capitals, 16, 16, "an AWS access key"),
    ("ASIA", Letters::Capitals, 16, 16, "an AWS access key"),
    ("ghp_", Letters::Plain, 36, 255, "a GitHub token"),
    ("gho_", Letters::Plain, 36, 255, "a GitHub token"),
    ("ghu_", Letters::Plain, 36, 255, "a GitHub token"),
    ("ghs_", Letters::Plain, 36, 255, "a GitHub token"),
    ("ghr_", Letters::Plain, 36, 255, "a GitHub token"),
    ("github_pat_", Letters::Url, 60, 255, "a GitHub token"),
    ("glpat-", Letters::Url, 20, 255, "a GitLab token"),
    ("gldt-", Letters::Url, 20, 255, "a GitLab token"),
    ("glrt-", Letters::Url, 20, 255, "a GitLab token"),
    ("xoxb-", Letters::Url, 20, 255, "a Slack token"),
    ("xoxp-", Letters::Url, 20, 255, "a Slack token"),
    ("xoxa-", Letters::Url, 20, 255, "a Slack token"),
    ("xoxs-", Letters::Url, 20, 255, "a Slack token"),
    ("xapp-", Letters::Url, 20, 255, "a Slack token"),
    ("sk_live_", Letters::Plain, 16, 255, "a Stripe key"),
    ("rk_live_", Letters::Plain, 16, 255, "a Stripe key"),
    ("whsec_", Letters::Plain, 24, 255, "a webhook's secret"),
    ("sk-ant-", Letters::Url, 32, 255, "an API key of a model"),
    ("sk-proj-", Letters::Url, 32, 255, "an API key of a model"),
    ("sk-", Letters::Plain, 40, 64, "an API key of a model"),
    ("hf_", Letters::Plain, 30, 64, "a Hugging Face token"),
    ("AIza", Letters::Url, 35, 35, "a Google API key"),
    ("GOCSPX-", Letters::Url, 24, 64, "a Google client secret"),
    ("npm_", Letters::Plain, 36, 36, "an npm token"),
    ("pypi-AgEI", Letters::Url, 40, 255, "a PyPI token"),
    ("dop_v1_", Letters::Hex, 64, 64, "a DigitalOcean token"),
    ("shpat_", Letters::Hex, 32, 32, "a Shopify token"),
    ("hvs.", Letters::Url, 24, 255, "a Vault token"),
    ("dckr_pat_", Letters::Url, 24, 64, "a Docker Hub token"),
    ("NRAK-", Letters::Capitals, 27, 27, "a New Relic key"),
    ("AGE-SECRET-KEY-1", Letters::Capitals, 58, 58, "an age key"),
];

/// How tokens begin: where one of these stands, [`token_at`] is worth asking.
pub(crate) fn beginnings() -> impl Iterator<Item = &'static str> {
    let forms = FORMS.iter().map(|(begin, ..)| *begin);
    forms.chain(["eyJ", "SG."])
}

/// Where the token ends that begins here, if one does. A word may go on in front of it only behind a sign.
pub(crate) fn token_at(text: &str, at: usize) -> Option<std::ops::Range<usize>> {
    let before = text[..at].chars().next_back();
    if before.is_some_and(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    let of_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let word = text[at..].split(|c| !of_token(c)).next()?;
    // One that is longer than it should be is hidden as a whole: it may be of a newer kind.
    let known = FORMS.iter().find_map(|(begin, letters, least, ..)| {
        let rest = word.strip_prefix(begin)?;
        let end = rest.bytes().position(|b| !letters.has(b));
        let body = &rest[..end.unwrap_or(rest.len())];
        (body.len() >= *least && !placeholder(body)).then_some(begin.len() + body.len())
    });
    let whole = || (signed(word).is_some() || sendgrid(word).is_some()).then_some(word.len());
    let length = known.or_else(whole)?;
    Some(at..at + length)
}

/// The first token in a text.
pub(super) fn token(text: &str) -> Option<Kind> {
    if private_key(text) {
        return Some(Kind::PRIVATE_KEY);
    }
    let of_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.split(|c| !of_token(c)).find_map(one)
}

fn one(word: &str) -> Option<Kind> {
    /// Nothing below is shorter.
    const SHORTEST: usize = 20;
    if word.len() < SHORTEST {
        return None;
    }
    let known = FORMS
        .iter()
        .find_map(|(begin, letters, least, most, kind)| {
            let rest = word.strip_prefix(begin)?;
            let end = rest.bytes().position(|b| !letters.has(b));
            let body = &rest[..end.unwrap_or(rest.len())];
            let fits = (*least..=*most).contains(&body.len());
            (fits && !placeholder(body)).then_some(Kind(kind))
        });
    known.or_else(|| signed(word)).or_else(|| sendgrid(word))
}

/// A JSON Web Token: three parts in base64, of which the first begins with `{"`.
fn signed(word: &str) -> Option<Kind> {
    let mut parts = word.strip_prefix("eyJ")?.split('.');
    let long = |part: Option<&str>, least: usize| part.is_some_and(|part| part.len() >= least);
    let header = long(parts.next(), 12);
    let claims = parts.next();
    let is_json = claims.is_some_and(|claims| claims.starts_with("eyJ"));
    (header && is_json && long(claims, 12) && long(parts.next(), 20))
        .then_some(Kind("a signed token (JWT)"))
}

fn sendgrid(word: &str) -> Option<Kind> {
    let (id, secret) = word.strip_prefix("SG.")?.split_once('.')?;
    (id.len() == 22 && secret.len() == 43).then_some(Kind("a SendGrid key"))
}

fn private_key(text: &str) -> bool {
    const BEGIN: &str = "-----BEGIN ";
    text.match_indices(BEGIN).any(|(at, _)| {
        let rest = &text[at + BEGIN.len()..];
        let title = rest.split("-----").next().unwrap_or_default();
        title.len() < 40 && title.ends_with("PRIVATE KEY")
    })
}
