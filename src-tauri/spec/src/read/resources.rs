//! `limits`: how much of the machine a service may use.

use super::Reader;
use super::keys::LIMITS;
use crate::amount;
use crate::cluster::Limits;
use crate::document::{Entry, Value, ValueKind};
use crate::problem::quoted;
use std::ops::RangeInclusive;

const EXAMPLE: &str =
    "write it like this: limits = { memory = \"512MB\", cpu = \"50%\", processes = 200 }";

/// Under a megabyte no program begins; the other end is more than a machine has.
const MEMORY: RangeInclusive<u64> = 1_000_000..=64_000_000_000_000;
/// The kernel's smallest share is 1 ms in 100 ms.
const CPU: RangeInclusive<u32> = 10..=1_024_000;
/// A program opens about ten before it does anything; the other end is Linux's `fs.nr_open`.
const FILES: RangeInclusive<u64> = 16..=1_048_576;
/// The other end is the most processes a 64-bit Linux can have.
const PROCESSES: RangeInclusive<u32> = 1..=4_194_304;

impl Reader<'_> {
    /// Reads `limits`, laid over the cluster's default. `false` takes a default away.
    pub(super) fn limits(&mut self, own: Option<&Entry>, default: Option<&Entry>) -> Limits {
        let layers = self.layers(own, default, &LIMITS, EXAMPLE);
        let get = |key| {
            let entry = layers.get(key)?;
            (!entry.value_is_false()).then_some(&entry.value)
        };
        Limits {
            memory: get("memory").and_then(|value| self.memory(value)),
            cpu: get("cpu").and_then(|value| self.cpu(value)),
            files: get("files").and_then(|value| {
                let help = "so many files each process may have open: files = 4096";
                self.number(value, "`files`", FILES, help)
            }),
            processes: get("processes").and_then(|value| {
                let help = "so many processes and threads at once: processes = 200";
                self.number(value, "`processes`", PROCESSES, help)
            }),
        }
    }

    fn memory(&mut self, value: &Value) -> Option<u64> {
        let ValueKind::Text(text) = &value.kind else {
            let help = match value.kind {
                ValueKind::Integer(number) => format!("add a unit: \"{number}MB\""),
                _ => "write it like this: \"512MB\" or \"2GB\"".to_owned(),
            };
            self.wrong("`memory`", value, "an amount with a unit", &help);
            return None;
        };
        match amount::bytes(text) {
            Err(error) => {
                let message = format!("{} is not an amount of memory", quoted(text));
                self.refuse(&value.span, message, error.label, &error.help);
                None
            }
            Ok(bytes) if !MEMORY.contains(&bytes) => {
                self.refuse(
                    &value.span,
                    format!("`memory` is 1MB to 64TB, not {text}"),
                    "out of range",
                    "choose something from \"1MB\" to \"64TB\"",
                );
                None
            }
            Ok(bytes) => Some(bytes),
        }
    }

    fn cpu(&mut self, value: &Value) -> Option<u32> {
        const FORM: &str =
            "write a percentage of one core, cpu = \"50%\", or a number of cores, cpu = 1.5";
        let written = self.text.get(value.span.clone()).unwrap_or_default();
        let found = match &value.kind {
            ValueKind::Text(text) => {
                let found = amount::percent(text);
                if found.is_none() {
                    let help = match text.parse::<f64>() {
                        Ok(_) => format!(
                            "without quotes {text} is a number of cores; with them write \"{text}%\""
                        ),
                        Err(_) => FORM.to_owned(),
                    };
                    let message = format!("{} is not a share of the processor", quoted(text));
                    self.refuse(&value.span, message, "no percentage", &help);
                    return None;
                }
                found
            }
            ValueKind::Integer(cores) => amount::thousandths(*cores as f64),
            // The tree keeps no fractions: this is the only key that has one.
            ValueKind::Float => written
                .replace('_', "")
                .parse()
                .ok()
                .and_then(amount::thousandths),
            _ => {
                self.wrong("`cpu`", value, "a percentage or a number of cores", FORM);
                return None;
            }
        };
        let fits = found.filter(|share| CPU.contains(share));
        if fits.is_none() {
            self.refuse(
                &value.span,
                format!("`cpu` is 1 % of a core to 1024 cores, not {written}"),
                "out of range",
                FORM,
            );
        }
        fits
    }
}
