//! The schema in the form in which questions and rules are held against it.

use crate::{SCHEMA, Subject, Who};
use cedar_policy::{Entities, Entity, EntityId, EntityTypeName, EntityUid, Schema};
use model::Verb;
use std::sync::LazyLock;

/// What the schema names.
pub(crate) struct Vocabulary {
    pub(crate) schema: Schema,
    /// Each verb with the groups it is in. A question needs its own alone.
    actions: Vec<Entity>,
    /// Of each verb itself and the groups it is in.
    groups: Vec<Vec<EntityUid>>,
    whos: Vec<EntityTypeName>,
    verbs: Vec<EntityUid>,
    home: EntityTypeName,
    cluster: EntityTypeName,
    service: EntityTypeName,
}

/// The one there is. It is made of text that is built in, and every test of this crate reads it.
pub(crate) static VOCABULARY: LazyLock<Vocabulary> =
    LazyLock::new(|| Vocabulary::read().expect("the schema that is built in is in order"));

impl Vocabulary {
    fn read() -> Result<Self, String> {
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA).map_err(|e| format!("{e:?}"))?;
        let actions: Entities = schema.action_entities().map_err(|e| e.to_string())?;
        let named = |name: &str| name.parse::<EntityTypeName>().map_err(|e| e.to_string());
        let whos = Who::ALL.map(|who| {
            let (first, rest) = who.name().split_at(1);
            named(&format!("{}{rest}", first.to_uppercase()))
        });
        let action = named("Action")?;
        let verbs = Verb::ALL.map(|verb| {
            EntityUid::from_type_name_and_id(action.clone(), EntityId::new(verb.name()))
        });
        let known = verbs.iter().map(|uid| {
            let known = actions.get(uid).cloned();
            known.ok_or_else(|| format!("the schema has no {uid}"))
        });
        let known = known.collect::<Result<Vec<_>, _>>()?;
        let groups = verbs.iter().map(|uid| {
            let above = actions.ancestors(uid).into_iter().flatten();
            above.chain([uid]).cloned().collect()
        });
        Ok(Self {
            actions: known,
            groups: groups.collect(),
            schema,
            whos: whos.into_iter().collect::<Result<_, _>>()?,
            verbs: verbs.into(),
            home: named("Home")?,
            cluster: named("Cluster")?,
            service: named("Service")?,
        })
    }

    pub(crate) fn who(&self, who: Who, via: &str) -> EntityUid {
        uid(&self.whos[who as usize], via)
    }

    pub(crate) fn verb(&self, verb: Verb) -> EntityUid {
        self.verbs[verb as usize].clone()
    }

    pub(crate) fn action(&self, verb: Verb) -> Entity {
        self.actions[verb as usize].clone()
    }

    /// The verb itself and the groups it is in.
    pub(crate) fn groups(&self, verb: Verb) -> &[EntityUid] {
        &self.groups[verb as usize]
    }

    pub(crate) fn kind_of_who(&self, who: Who) -> &EntityTypeName {
        &self.whos[who as usize]
    }

    pub(crate) fn kind_of(&self, subject: &Subject<'_>) -> &EntityTypeName {
        match subject {
            Subject::Home => &self.home,
            Subject::Cluster { .. } => &self.cluster,
            Subject::Service { .. } => &self.service,
        }
    }

    pub(crate) fn home(&self) -> EntityUid {
        uid(&self.home, "home")
    }

    pub(crate) fn cluster(&self, id: &str) -> EntityUid {
        uid(&self.cluster, id)
    }

    pub(crate) fn service(&self, id: &str) -> EntityUid {
        uid(&self.service, id)
    }
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_and_every_party_has_its_place_in_the_schema() {
        for (index, verb) in Verb::ALL.into_iter().enumerate() {
            assert_eq!(verb as usize, index);
            let named = VOCABULARY.verb(verb);
            assert_eq!(named.id().unescaped(), verb.name());
            let all: Vec<_> = VOCABULARY.schema.actions().collect();
            assert!(all.contains(&&named), "{named}");
        }
        for (index, who) in Who::ALL.into_iter().enumerate() {
            assert_eq!(who as usize, index);
        }
    }
}
