//! How a filter is written.

use super::{DEEPEST, Expression, Match, What};
use winnow::ascii::multispace0;
use winnow::combinator::{
    alt, cut_err, delimited, eof, fail, not, opt, peek, preceded, repeat, terminated,
};
use winnow::error::{ContextError, ErrMode, StrContext, StrContextValue};
use winnow::prelude::*;
use winnow::token::{one_of, take_till, take_while};

type Read<T> = Result<T, ErrMode<ContextError>>;

/// Reads a whole filter, or says what is wrong with it, and where.
pub(super) fn read(text: &str) -> Result<Expression, String> {
    let mut whole = terminated(
        preceded(multispace0, within(0, expression)),
        (multispace0, eof.context(expected("`and`, `or` or the end"))),
    );
    whole.parse(text).map_err(|error| {
        let before = &text[..text.floor_char_boundary(error.offset())];
        let expected: Vec<_> = error.inner().context().filter_map(words).collect();
        // The innermost says the most.
        let expected = expected.first().copied().unwrap_or("something else");
        let line = text.replace(|c: char| c.is_control(), " ");
        let place = " ".repeat(before.chars().count());
        format!("the filter is not understood:\n  {line}\n  {place}^ {expected} is expected here\n")
    })
}

fn expected(what: &'static str) -> StrContext {
    StrContext::Expected(StrContextValue::Description(what))
}

fn words(context: &StrContext) -> Option<&'static str> {
    match context {
        StrContext::Expected(StrContextValue::Description(what)) => Some(what),
        _ => None,
    }
}

/// The same inside of so many parentheses and negations.
fn within<'a>(
    depth: usize,
    one: fn(usize, &mut &'a str) -> Read<Expression>,
) -> impl FnMut(&mut &'a str) -> Read<Expression> {
    move |input| one(depth, input)
}

fn expression(depth: usize, input: &mut &str) -> Read<Expression> {
    let all = chain(within(depth, conjunction), "or", input)?;
    Ok(one_or(all, Expression::Any))
}

fn conjunction(depth: usize, input: &mut &str) -> Read<Expression> {
    let all = chain(within(depth, term), "and", input)?;
    Ok(one_or(all, Expression::All))
}

/// One or several with this word between them.
fn chain<'a>(
    mut one: impl FnMut(&mut &'a str) -> Read<Expression>,
    between: &'static str,
    input: &mut &'a str,
) -> Read<Vec<Expression>> {
    let mut all = vec![one(input)?];
    let next = preceded(word(between), cut_err(one));
    let rest: Vec<_> = repeat(0.., next).parse_next(input)?;
    all.extend(rest);
    Ok(all)
}

fn one_or(mut all: Vec<Expression>, several: impl Fn(Vec<Expression>) -> Expression) -> Expression {
    match (all.pop(), all.is_empty()) {
        (Some(one), true) => one,
        (last, _) => {
            all.extend(last);
            several(all)
        }
    }
}

/// A word with what is blank around it.
fn word<'a>(word: &'static str) -> impl Parser<&'a str, (), ErrMode<ContextError>> {
    delimited(multispace0, (word, not(one_of(is_letter))), multispace0).void()
}

fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

fn term(depth: usize, input: &mut &str) -> Read<Expression> {
    if depth > DEEPEST {
        // Each is read inside of the one before, on a stack that has an end.
        let fewer = "a name or a value, behind at most 64 parentheses and negations,";
        return cut_err(fail.context(expected(fewer))).parse_next(input);
    }
    let group = delimited(
        ('(', multispace0),
        cut_err(within(depth + 1, expression)),
        cut_err((multispace0, ')').context(expected("`)`"))),
    );
    let negation = preceded(word("not"), cut_err(within(depth + 1, term)))
        .map(|one| Expression::Not(Box::new(one)));
    alt((group, negation, value_in, by_selector))
        .context(expected("a name like Service.Tags, a value or `(`"))
        .parse_next(input)
}

/// `"value" in Selector`.
fn value_in(input: &mut &str) -> Read<Expression> {
    let quoted = terminated(quoted, multispace0);
    let bare = terminated(bare, (multispace0, peek((opt(word("not")), word("in")))));
    let value = alt((quoted, bare)).parse_next(input)?;
    let negated = opt(word("not")).parse_next(input)?.is_some();
    cut_err(word("in").context(expected("`in` or `not in`"))).parse_next(input)?;
    let selector = cut_err(selector).parse_next(input)?;
    Ok(found(selector, What::Has(value), negated))
}

fn by_selector(input: &mut &str) -> Read<Expression> {
    let selector = selector.parse_next(input)?;
    multispace0.parse_next(input)?;
    let value = || preceded(multispace0, cut_err(value));
    let (what, negated) = cut_err(alt((
        preceded("==", value()).map(|value| (What::Is(value), false)),
        preceded("!=", value()).map(|value| (What::Is(value), true)),
        preceded(word("contains"), value()).map(|value| (What::Has(value), false)),
        preceded((word("not"), word("contains")), value()).map(|value| (What::Has(value), true)),
        preceded(word("matches"), value()).map(|_| (What::Matches, false)),
        preceded((word("not"), word("matches")), value()).map(|_| (What::Matches, true)),
        preceded(
            word("is"),
            (
                opt(word("not")),
                cut_err(word("empty").context(expected("`empty` or `not empty`"))),
            ),
        )
        .map(|(not, ())| (What::Empty, not.is_some())),
        fail.context(expected(
            "`==`, `!=`, `contains`, `not contains`, `is empty` or `is not empty`",
        )),
    )))
    .parse_next(input)?;
    Ok(found(selector, what, negated))
}

fn found(selector: Vec<String>, what: What, negated: bool) -> Expression {
    let found = Expression::Match(Match { selector, what });
    match negated {
        true => Expression::Not(Box::new(found)),
        false => found,
    }
}

/// `Service.Meta.version`, or `Service.Meta["a key"]` where a key is no name.
fn selector(input: &mut &str) -> Read<Vec<String>> {
    let name = || take_while(1.., is_letter).map(str::to_owned);
    let first = name()
        .context(expected("a name like Service.Tags"))
        .parse_next(input)?;
    let next = alt((
        preceded('.', cut_err(name().context(expected("a name")))),
        delimited(
            '[',
            cut_err(quoted.context(expected("a key in quotation marks"))),
            cut_err(']'.context(expected("`]`"))),
        ),
    ));
    let rest: Vec<String> = repeat(0.., next).parse_next(input)?;
    Ok([vec![first], rest].concat())
}

fn value(input: &mut &str) -> Read<String> {
    alt((quoted, bare))
        .context(expected("a value like \"web\" or 8080"))
        .parse_next(input)
}

fn bare(input: &mut &str) -> Read<String> {
    let letter = |letter: char| is_letter(letter) || "-./:".contains(letter);
    take_while(1.., letter).map(str::to_owned).parse_next(input)
}

/// In quotation marks, with escapes as in JSON, or as it is between two backticks.
fn quoted(input: &mut &str) -> Read<String> {
    let raw = delimited(
        '`',
        take_till(0.., '`').map(str::to_owned),
        cut_err('`'.context(expected("a backtick at the end of the value"))),
    );
    alt((raw, escaped)).parse_next(input)
}

fn escaped(input: &mut &str) -> Read<String> {
    let piece = alt((
        take_till(1.., ['"', '\\']).void(),
        ('\\', winnow::token::any).void(),
    ));
    let text = (
        '"',
        repeat::<_, _, (), _, _>(0.., piece),
        cut_err('"'.context(expected("a quotation mark at the end of the value"))),
    );
    let said = text.take().parse_next(input)?;
    match serde_json::from_str(said) {
        Ok(text) => Ok(text),
        Err(_) => {
            cut_err(fail.context(expected("a value with escapes as in JSON"))).parse_next(input)
        }
    }
}
