//! What waits for the approval of persons, as hosts ask for it; to approve and to deny, which are acts of a person.

use crate::Error;
use crate::handle::Handle;
use model::{Actor, Approval, ApprovalId, Approver, Outcome, Verb};
use store::Given;

/// Longest name of somebody who approves, in characters.
const MAX_NAME: usize = 60;
/// Those that are over and shown.
const SHOWN: u32 = 100;

impl Handle {
    /// What waits for persons, and what became of the last that did: newest first.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn approvals(&self) -> Result<Vec<Approval>, Error> {
        Ok(self.shared.store.approvals().recent(SHOWN).await?)
    }

    /// One of them, however old.
    ///
    /// # Errors
    /// That there is none of this number, or what the store says.
    pub async fn approval(&self, id: ApprovalId) -> Result<Approval, Error> {
        self.shared.door.approval(id).await
    }

    /// A person approves of an act that waits. `name` tells apart who uses one account; without one it is the
    /// account's. Who asked does not count.
    ///
    /// # Errors
    /// That there is no such act or it waits no more, that the same person has approved before, or what the door
    /// says.
    pub async fn approve(
        &self,
        actor: Actor,
        id: ApprovalId,
        name: Option<String>,
        reason: String,
    ) -> Result<Approval, Error> {
        let name = self.named(name)?;
        let one = self.waits(id).await?;
        if name == one.name {
            return Err(Error::Refused(format!(
                "{name} asked for it, and who asks does not count; somebody else approves (`--name` tells apart who \
                 uses one account)"
            )));
        }
        let target = one.target.clone();
        let act = self.admit(actor, Verb::Approve, target, &reason).await?;
        let by = Approver {
            name: name.clone(),
            via: act.actor.via.clone(),
            at: crate::wall(),
        };
        let given = self.shared.store.approvals().give(id, &by).await;
        let given = match given.map_err(Error::from) {
            Ok(Given::Counted) => self.shared.door.approval(id).await,
            Ok(Given::Before) => Err(Error::Conflict(format!(
                "{name} has approved of it already, and counts once"
            ))),
            Ok(Given::Closed) => Err(over(id)),
            Err(error) => Err(error),
        };
        self.conclude(act.id, &given);
        let one = given?;
        let said = format!(
            "{name} approves of {} ({}): {} of {}",
            id.0,
            one.verb.name(),
            one.given.len(),
            one.needed
        );
        self.shared.door.finish(act.id, Outcome::Done(said));
        self.shared.door.tell_again(id).await;
        Ok(one)
    }

    /// A person says no to an act that waits. Who asked for it may take it back so.
    ///
    /// # Errors
    /// That there is no such act or it waits no more, or what the door says.
    pub async fn deny(
        &self,
        actor: Actor,
        id: ApprovalId,
        name: Option<String>,
        reason: String,
    ) -> Result<Approval, Error> {
        let name = self.named(name)?;
        let one = self.waits(id).await?;
        let target = one.target.clone();
        let act = self.admit(actor, Verb::Deny, target, &reason).await?;
        let denied = self.shared.store.approvals().deny(id).await;
        let denied = match denied.map_err(Error::from) {
            Ok(true) => self.shared.door.approval(id).await,
            Ok(false) => Err(over(id)),
            Err(error) => Err(error),
        };
        self.conclude(act.id, &denied);
        let one = denied?;
        let said = format!("{name} denies {} ({})", id.0, one.verb.name());
        self.shared.door.finish(act.id, Outcome::Done(said));
        self.shared.door.tell_again(id).await;
        Ok(one)
    }

    async fn waits(&self, id: ApprovalId) -> Result<Approval, Error> {
        let one = self.shared.door.approval(id).await?;
        match one.is_open() && crate::wall() < one.until {
            true => Ok(one),
            false => Err(over(id)),
        }
    }

    fn named(&self, name: Option<String>) -> Result<String, Error> {
        let Some(name) = name else {
            return Ok(self.shared.account.clone());
        };
        let length = name.chars().count();
        let plain = !name.trim().is_empty() && !name.chars().any(char::is_control);
        match plain && length <= MAX_NAME {
            true => Ok(name.trim().to_owned()),
            false => Err(Error::BadRequest(format!(
                "a name has 1 to {MAX_NAME} characters, none of them a control character"
            ))),
        }
    }
}

fn over(id: ApprovalId) -> Error {
    Error::Conflict(format!(
        "approval {} waits no more: it was used, denied, or its time is over",
        id.0
    ))
}
