//! What people are shown of the rules that hold. Called by hosts; it decides nothing.

use super::{Constitution, Project};
use crate::Handle;
use model::ClusterId;
use model::rules::{RuleView, RulesView};
use policy::Rules;

impl Handle {
    /// The rules that hold, and what is wrong with their files.
    pub fn rules(&self) -> RulesView {
        self.shared.constitution.view()
    }
}

impl Constitution {
    fn view(&self) -> RulesView {
        let wrong = self.wrong();
        let held = self.read();
        let mut view = RulesView {
            rules: Vec::new(),
            file: self.file.display().to_string(),
            built_in: false,
            set: held.policies.as_ref().map(|all| all.hash().to_owned()),
            wrong: wrong.into_iter().collect(),
        };
        if let Ok(home) = &held.home {
            view.built_in = home.text() == policy::DEFAULT;
            view.rules.extend(rows(home, None));
        }
        for (cluster, project) in &held.projects {
            match project {
                Project::Rules(rules) => view.rules.extend(rows(rules, Some(cluster))),
                Project::Unreadable(wrong) => view.wrong.push(format!("{cluster}: {wrong}")),
            }
        }
        view
    }
}

fn rows<'a>(
    rules: &'a Rules,
    cluster: Option<&'a ClusterId>,
) -> impl Iterator<Item = RuleView> + 'a {
    rules.list().map(move |(id, says, allows)| RuleView {
        id: id.to_owned(),
        says: says.to_owned(),
        allows,
        approvals: rules.approvals(id),
        cluster: cluster.cloned(),
    })
}
