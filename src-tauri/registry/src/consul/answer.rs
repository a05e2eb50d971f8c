//! The shapes of answers, with the names that clients read.

use super::wish::Tagged;
use serde::Serialize;
use std::collections::BTreeMap;

type Texts = BTreeMap<String, String>;

/// The machine.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NodeShown {
    #[serde(rename = "ID")]
    pub(crate) id: String,
    pub(crate) node: String,
    pub(crate) address: String,
    pub(crate) datacenter: &'static str,
    pub(crate) tagged_addresses: Texts,
    pub(crate) meta: Texts,
    pub(crate) create_index: u64,
    pub(crate) modify_index: u64,
}

#[derive(Serialize, Clone, Copy)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct WeightsShown {
    pub(crate) passing: u32,
    pub(crate) warning: u32,
}

/// An instance, as the agent, the node and health tell of it.
#[derive(Serialize, Clone)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ServiceShown {
    #[serde(rename = "ID")]
    pub(crate) id: String,
    pub(crate) service: String,
    pub(crate) tags: Vec<String>,
    pub(crate) address: String,
    pub(crate) port: u16,
    pub(crate) meta: Texts,
    pub(crate) tagged_addresses: BTreeMap<String, Tagged>,
    pub(crate) enable_tag_override: bool,
    pub(crate) weights: WeightsShown,
    pub(crate) namespace: &'static str,
    pub(crate) create_index: u64,
    pub(crate) modify_index: u64,
}

/// An instance with its node in one, as the catalogue tells of it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CatalogService {
    #[serde(rename = "ID")]
    pub(crate) id: String,
    pub(crate) node: String,
    pub(crate) address: String,
    pub(crate) datacenter: &'static str,
    pub(crate) tagged_addresses: Texts,
    pub(crate) node_meta: Texts,
    #[serde(rename = "ServiceID")]
    pub(crate) service_id: String,
    pub(crate) service_name: String,
    pub(crate) service_tags: Vec<String>,
    pub(crate) service_address: String,
    pub(crate) service_meta: Texts,
    pub(crate) service_port: u16,
    pub(crate) service_tagged_addresses: BTreeMap<String, Tagged>,
    pub(crate) service_weights: WeightsShown,
    pub(crate) service_enable_tag_override: bool,
    pub(crate) create_index: u64,
    pub(crate) modify_index: u64,
}

/// A check and what it says.
#[derive(Serialize, Clone)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CheckShown {
    pub(crate) node: String,
    #[serde(rename = "CheckID")]
    pub(crate) check_id: String,
    pub(crate) name: String,
    pub(crate) status: &'static str,
    pub(crate) notes: String,
    pub(crate) output: String,
    #[serde(rename = "ServiceID")]
    pub(crate) service_id: String,
    pub(crate) service_name: String,
    pub(crate) service_tags: Vec<String>,
    #[serde(rename = "Type")]
    pub(crate) kind: &'static str,
    pub(crate) create_index: u64,
    pub(crate) modify_index: u64,
}

/// An instance with all that says how it is.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HealthShown {
    pub(crate) node: NodeShown,
    pub(crate) service: ServiceShown,
    pub(crate) checks: Vec<CheckShown>,
}
