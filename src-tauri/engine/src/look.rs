//! What is in a folder, before it is run.

use crate::definition::{self, Definition, With};
use crate::handle::{Handle, canonical};
use crate::record::cluster_id;
use crate::{Error, launch};
use model::view::FolderView;
use std::path::PathBuf;

impl Handle {
    /// What is in a folder, before it is run.
    ///
    /// `env` is what it would be brought up in; without it, as without it there.
    pub async fn look(
        &self,
        folder: PathBuf,
        file: Option<String>,
        env: Option<definition::Env>,
    ) -> Result<FolderView, Error> {
        let folder = canonical(&folder)?;
        let file = asked(file)?;
        let mut view = FolderView {
            folder: folder.display().to_string(),
            file: None,
            others: vec![],
            notes: vec![],
            name: None,
            services: 0,
            known: false,
            commands: vec![],
            risks: vec![],
            problem: None,
            git: crate::git::of(&folder),
        };
        let with = With::of(&self.shared, &folder, env, &spec::Choice::default()).await;
        let Some(definition) = definition::of_folder(&folder, file.as_deref(), &with)? else {
            return Ok(view);
        };
        let there = definition::files(&folder).into_iter().map(|one| one.name);
        let mut there: Vec<String> = there.collect();
        let used = file.or_else(|| there.first().cloned());
        there.retain(|one| Some(one) != used.as_ref());
        (view.file, view.others) = (used, there);
        match definition {
            Ok(Definition {
                cluster: definition,
                notes,
                ..
            }) => {
                view.notes = notes;
                let used = view.file.as_deref().and_then(definition::File::named);
                let together = used.and_then(|file| definition::put_together(&folder, &file));
                view.notes.extend(together.map(|command| {
                    format!("`{command}` makes one definition of what else is here")
                }));
                view.services = u32::try_from(definition.services.len()).unwrap_or(u32::MAX);
                view.commands = launch::commands(&definition);
                let id = cluster_id(&folder, &definition.name);
                view.known = self.shared.record_file(&id).exists();
                let before = crate::defined::record(&self.shared, &id).await.ok();
                let allowed = crate::risks::allowed(&folder, before.as_deref());
                view.risks = crate::risks::grave(&folder, &definition, &allowed);
                view.name = Some(definition.name);
            }
            Err(problems) => view.problem = Some(definition::shown(&problems)),
        }
        Ok(view)
    }
}

/// The name of a file that somebody wants read.
pub(crate) fn asked(file: Option<String>) -> Result<Option<String>, Error> {
    match file {
        Some(name) if definition::File::named(&name).is_none() => Err(Error::BadRequest(format!(
            "{name} is not the name of a file that says what to run; those are {}",
            formats::FILES.join(", ")
        ))),
        file => Ok(file),
    }
}
