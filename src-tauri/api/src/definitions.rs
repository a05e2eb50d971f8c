//! The bodies of what has to do with a definition as text: reading it, checking an edit, applying it.

use crate::calls::why;
use crate::requests::{ApplyDefinitionRequest, CheckDefinitionRequest, DefinitionRequest};
use crate::views::{
    ChangedService, CheckedDefinition, DefinitionView, EditView, PlaceView, ProblemView, UpView,
};
use engine::{Checked, Edit, Error, Handle};
use model::{Actor, ServiceName};

pub(crate) async fn definition(
    engine: &Handle,
    _: &Actor,
    request: DefinitionRequest,
) -> Result<DefinitionView, Error> {
    let found = engine.definition_text(&request.cluster).await?;
    Ok(DefinitionView {
        path: found.path.display().to_string(),
        text: found.text,
        mark: found.mark,
    })
}

pub(crate) async fn check_definition(
    engine: &Handle,
    _: &Actor,
    request: CheckDefinitionRequest,
) -> Result<CheckedDefinition, Error> {
    let checked = engine.check_definition(&request.cluster, request.text);
    Ok(match checked.await? {
        Checked::Right(edit) => CheckedDefinition {
            problems: Vec::new(),
            unshown: 0,
            edit: Some(edited(edit)),
        },
        Checked::Wrong(problems) => CheckedDefinition {
            problems: problems.problems().iter().map(problem).collect(),
            unshown: u32::try_from(problems.unshown()).unwrap_or(u32::MAX),
            edit: None,
        },
    })
}

pub(crate) async fn apply_definition(
    engine: &Handle,
    actor: &Actor,
    request: ApplyDefinitionRequest,
) -> Result<UpView, Error> {
    let ApplyDefinitionRequest {
        cluster,
        text,
        mark,
        reason,
    } = request;
    let reason = Some(why(reason)).filter(|reason| !reason.is_empty());
    let reason = reason.unwrap_or_else(|| "its definition was edited here".to_owned());
    let actor = actor.clone();
    let begun = engine
        .apply_definition(actor, &cluster, text, mark, reason)
        .await?;
    Ok(UpView {
        cluster: begun.cluster,
        act: begun.act,
        changes: begun.changes,
    })
}

fn problem(problem: &spec::Problem) -> ProblemView {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let place = |place: spec::Place| PlaceView {
        line: number(place.line),
        column: number(place.column),
        length: number(place.length),
        label: place.label.to_owned(),
    };
    ProblemView {
        message: problem.message().to_owned(),
        remedy: problem.remedy().map(str::to_owned),
        file: problem.file().unwrap_or(spec::FILE).to_owned(),
        places: problem.places().into_iter().map(place).collect(),
    }
}

fn edited(edit: Edit) -> EditView {
    let changed = |all: Vec<(ServiceName, Vec<String>)>| {
        let each = |(service, what)| ChangedService { service, what };
        all.into_iter().map(each).collect()
    };
    EditView {
        added: edit.added,
        removed: edit.removed,
        restarted: changed(edit.restarted),
        adjusted: changed(edit.adjusted),
        notes: edit.notes,
    }
}
