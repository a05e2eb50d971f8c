//! What is wrong with a text that was made from a file, told of that file.

use super::{Diagnostics, Problem, Problems, Span};

impl Diagnostics {
    /// The same, with what is about the file `made` told of the one that was made from, `file`.
    /// `origin` says which place there a line of `made`, from 1, came from.
    #[must_use]
    pub fn told_of(
        self,
        made: &str,
        file: &str,
        text: &str,
        origin: impl Fn(usize) -> Span,
    ) -> Self {
        let of_it = |problem: &Problem| problem.file() == Some(made);
        let (own, others): (Vec<Problem>, Vec<Problem>) =
            self.problems.into_iter().partition(of_it);
        let mut problems = Problems::default();
        for problem in own {
            let line = |span: &Span| match &problem.source {
                Some(source) => source.position(source.drawable(span).start).0,
                None => 1,
            };
            let mut labels: Vec<(Span, String)> = Vec::new();
            for (span, says) in &problem.labels {
                let span = origin(line(span));
                // Of what stands in one line there, the main one is told.
                if !labels.iter().any(|(other, _)| *other == span) {
                    labels.push((span, says.clone()));
                }
            }
            problems.add(|| Problem {
                message: problem.message,
                labels,
                help: problem.help,
                source: None,
            });
        }
        let mut told = problems.into_diagnostics(file, text);
        told.append(Diagnostics {
            file: self.file,
            problems: others,
            unshown: self.unshown,
        });
        told
    }
}
