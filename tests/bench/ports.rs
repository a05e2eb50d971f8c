//! Ports that strangers have: whether the holder is named, and that none is touched.

use crate::options::Options;
use crate::table::{Report, Table};
use serde_json::json;
use tests::Azora;
use tests::ports::{self, Wish};

/// What it takes.
pub(crate) const TAKES: &str = "
  --n N              conflicts: half over a port that must be had, half over one that is liked [500]
  --at-a-time N      conflicts of one cluster [25]";

/// Makes conflicts, and looks what is said and done.
pub(crate) fn run(mut options: Options) -> Result<Report, String> {
    let wish = Wish {
        cases: options.number("--n", 500)?,
        at_once: options.number("--at-a-time", 25)?,
    };
    let program = options.azora.clone();
    options.beside("puppet")?;
    options.end()?;
    if wish.at_once == 0 {
        return Err("--at-a-time wants one at least".to_owned());
    }
    let report = ports::run(&Azora::with(program), wish);
    let mut table = Table::new(["", "found", "may be", "of"]);
    let mut faults = |what: &str, faults: &[String], of| table.faults(what, faults, of);
    let named = format!("{} of {} holders named", report.named, report.cases);
    faults("holders not named", &report.not_named, named);
    let strangers = format!("{} strangers", report.cases);
    faults("strangers touched", &report.touched, strangers);
    let services = format!("{} services", report.cases);
    faults("services not where they should be", &report.wrong, services);
    let figures = json!({
        "cases": report.cases,
        "named": report.named,
        "not_named": report.not_named,
        "touched": report.touched,
        "wrong": report.wrong,
    });
    Ok(Report::new(table, figures))
}
