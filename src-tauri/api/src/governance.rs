//! Who may do what, for whoever asks: the bodies of the calls that tell of the rules.

use crate::requests::Nothing;
use engine::{Error, Handle};
use model::Actor;
use model::rules::RulesView;

pub(crate) async fn rules(engine: &Handle, _: &Actor, _: Nothing) -> Result<RulesView, Error> {
    Ok(engine.rules())
}
