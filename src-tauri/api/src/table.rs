//! The table of commands. To add one: a row here, its request in `requests`, its body in `calls`
//! or `streams`, its name in `command_names`; then `AZORA_BLESS=1 cargo test -p api`.

/// Hands the whole table to a macro of the caller, which expands it into whatever that host needs.
///
/// ```text
/// macro_rules! tauri_commands {
///     (
///         calls { $( #[doc = $doc:literal] $kind:ident $agents:ident $call:ident($request:ty) -> $response:ty; )* }
///         streams { $( #[doc = $sdoc:literal] $sagents:ident $stream:ident($srequest:ty) -> $message:ty; )* }
///     ) => { $(
///         #[doc = $doc]
///         #[tauri::command]
///         async fn $call(engine: tauri::State<'_, engine::Handle>, request: serde_json::Value) -> … {
///             api::call(&engine, &Actor::person("window"), stringify!($call), &request.to_string()).await
///         }
///     )* };
/// }
/// api::commands!(tauri_commands);
/// ```
///
/// `kind` is `read` (changes nothing) or `act` (passes the door). A stream answers with messages
/// until its reader lets go.
///
/// `agents` says what an agent may do with it, by its token ([`crate::dispatch::Agents`]): `open` is read by anybody,
/// of `ruled` the door decides, and `persons` is not for agents, whatever the rules say: what runs something, types
/// somewhere or reads files that is no act of its own.
#[macro_export]
macro_rules! commands {
    ($then:ident) => {
        $then! {
            calls {
                /// The engine and its clusters in one word each.
                read open status($crate::requests::Nothing) -> $crate::views::StatusView;
                /// How every service is and has been over the last minutes, hours and days.
                read open system_status($crate::requests::SystemStatusRequest) -> $crate::model::status::SystemStatus;
                /// The full picture; the feed begins with the same.
                read open snapshot($crate::requests::Nothing) -> $crate::model::view::Snapshot;
                /// All instances of a cluster.
                read open ps($crate::requests::PsRequest) -> $crate::views::PsView;
                /// What needs what in a cluster, and who was seen to talk to whom.
                read open graph($crate::requests::PsRequest) -> $crate::views::GraphView;
                /// What is in a folder, before it is run.
                read persons look($crate::requests::LookRequest) -> $crate::model::view::FolderView;
                /// Waits until all that an act set in motion has come to rest.
                read open wait($crate::requests::WaitRequest) -> $crate::views::WaitView;
                /// Health and usage of an instance over time.
                read open history($crate::requests::HistoryRequest) -> $crate::model::view::History;
                /// How long the last health probes of each service of a cluster took, in the last hour.
                read open latencies($crate::requests::LatenciesRequest) -> $crate::model::view::Latencies;
                /// A page of an instance's log.
                read open logs($crate::requests::LogsRequest) -> $crate::model::view::LogPage;
                /// A part of one log, or of several in the order of time, around a place.
                read open view_logs($crate::requests::LogViewRequest) -> $crate::model::view::LogView;
                /// What an instance really got for an environment, and what it would get now.
                read persons env($crate::requests::EnvRequest) -> $crate::model::view::EnvView;
                /// The newest starts of an instance, newest first: where in its log each began, and its first error.
                read open log_runs($crate::requests::LogRunsRequest) -> Vec<$crate::model::view::LogRun>;
                /// Incidents, newest first.
                read open incidents($crate::requests::IncidentsRequest) -> Vec<$crate::model::Incident>;
                /// An incident with its timeline.
                read open incident($crate::requests::IncidentRequest) -> $crate::model::IncidentStory;
                /// What healing has done since a time, by service.
                read open healed($crate::requests::HealedRequest) -> $crate::model::healed::Healed;
                /// Events after a number, oldest first; after nothing, the last ones.
                read open events($crate::requests::EventsRequest) -> Vec<$crate::model::Event>;
                /// The book of acts, newest first.
                read open acts($crate::requests::RecentRequest) -> Vec<$crate::model::Act>;
                /// How it stands with the ledger: how much is in it, how much of that is signed, and what is wrong.
                read open ledger($crate::requests::Nothing) -> $crate::model::ledger::LedgerView;
                /// Entries of the ledger after a number, as they are hashed.
                read open ledger_entries($crate::requests::LedgerRequest) -> $crate::model::ledger::LedgerEntries;
                /// Checkpoints of the ledger after that of a size, smallest first.
                read open ledger_checkpoints($crate::requests::LedgerRequest) -> Vec<$crate::model::ledger::LedgerCheckpoint>;
                /// What waits for the approval of persons, and what became of the last that did, newest first.
                read open approvals($crate::requests::Nothing) -> Vec<$crate::model::Approval>;
                /// Reads the whole ledger and holds it against what was signed of it.
                read open ledger_verify($crate::requests::Nothing) -> $crate::model::ledger::LedgerVerdict;
                /// The rules that hold: who may do what, and what is wrong with their files.
                read open rules($crate::requests::Nothing) -> $crate::model::rules::RulesView;
                /// The programs that act for a person, each with a token of its own; never the tokens.
                read open agents($crate::requests::Nothing) -> Vec<$crate::model::agent::Agent>;
                /// Who has a port of this machine, since when, and whether it may be stopped.
                read open who($crate::requests::PortRequest) -> $crate::model::who::PortView;
                /// The threat level, what was found with its evidence and what to do, and how it stands with the book of acts.
                read open security($crate::security::SecurityRequest) -> $crate::model::SecurityView;
                /// What of the home's own files helps to understand a fault, without secrets.
                read persons support($crate::requests::Nothing) -> Vec<$crate::model::view::SupportFile>;
                /// Where events are sent, and how it stands with each.
                read open webhooks($crate::requests::Nothing) -> Vec<$crate::model::webhook::WebhookView>;
                /// What the desktop app shows notifications of, and what a person turned off.
                read open notifications($crate::requests::Nothing) -> $crate::model::view::NotificationsView;
                /// What the definition of a cluster says now, as it lies in its folder.
                read persons definition($crate::requests::DefinitionRequest) -> $crate::views::DefinitionView;
                /// What is wrong with an edited definition, or what applying it would do.
                read persons check_definition($crate::requests::CheckDefinitionRequest) -> $crate::views::CheckedDefinition;
                /// The volumes of a cluster, and how much is in each.
                read open volumes($crate::requests::VolumesRequest) -> Vec<$crate::model::view::VolumeView>;
                /// What is registered under a name, with some tags, or at all.
                read open registered($crate::requests::RegisteredRequest) -> $crate::model::view::RegisteredView;
                /// The gateway as it is now: its routes, their instances, who asks what of them, and the last requests.
                read open gateway($crate::gateway::GatewayAsked) -> $crate::gateway::GatewayMessage;
                /// What an emergency stop would end.
                read open emergency_preview($crate::requests::Nothing) -> $crate::model::view::StopPreview;
                /// Brings a folder's cluster up, or applies its edited definition.
                act ruled up($crate::requests::UpRequest) -> $crate::views::UpView;
                /// Writes an edited definition in the place of the one that was read, and brings the cluster up on it.
                act persons apply_definition($crate::requests::ApplyDefinitionRequest) -> $crate::views::UpView;
                /// Takes a cluster down in reverse order; the volumes that are named go with it, with all that is in them.
                act ruled down($crate::requests::DownRequest) -> $crate::model::Act;
                /// Starts services and what they need.
                act ruled start($crate::requests::ServicesRequest) -> $crate::model::Act;
                /// Stops services and what needs them.
                act ruled stop($crate::requests::ServicesRequest) -> $crate::model::Act;
                /// Stops services and starts them again, one instance after another where others serve meanwhile.
                act ruled restart($crate::requests::RestartRequest) -> $crate::model::Act;
                /// Changes how many instances a service has.
                act ruled scale($crate::requests::ScaleRequest) -> $crate::model::Act;
                /// Healing keeps its hands off services; of none named, the whole cluster.
                act ruled hold($crate::requests::HoldRequest) -> $crate::model::Act;
                /// Healing may act on services again.
                act ruled unhold($crate::requests::ServicesRequest) -> $crate::model::Act;
                /// Says how far healing goes by itself in a cluster: not at all, up to a proposal, or all the way.
                act ruled autonomy($crate::autonomy::AutonomyRequest) -> $crate::model::Act;
                /// Turns notifications off: of services, of a cluster, or of everything. Incidents are written down all the same.
                act ruled mute($crate::requests::MuteRequest) -> $crate::model::Act;
                /// Turns notifications on again of exactly these.
                act ruled unmute($crate::requests::UnmuteRequest) -> $crate::model::Act;
                /// Takes services out of quarantine and starts them.
                act ruled release($crate::requests::ServicesRequest) -> $crate::model::Act;
                /// Brings back what the last stop took down.
                act ruled resume($crate::requests::HomeRequest) -> $crate::model::Act;
                /// Takes the input of a terminal one is attached to, from whoever has it.
                act persons take_terminal($crate::requests::TakeTerminalRequest) -> $crate::model::view::TerminalState;
                /// Types at a terminal whose input one has. Not written down.
                act persons type_terminal($crate::requests::TypeTerminalRequest) -> $crate::requests::Nothing;
                /// Makes a terminal whose input one has as large as one's own.
                act persons resize_terminal($crate::requests::ResizeTerminalRequest) -> $crate::requests::Nothing;
                /// Lets go of the input of a terminal, and looks on.
                act persons leave_terminal($crate::requests::LeaveTerminalRequest) -> $crate::model::view::TerminalState;
                /// Forgets a cluster that is down.
                act ruled forget($crate::requests::ClusterRequest) -> $crate::model::Act;
                /// Sends a test to one webhook, or to each.
                act ruled test_webhooks($crate::requests::TestWebhooksRequest) -> Vec<$crate::model::webhook::WebhookTested>;
                /// Sends a request through the gateway and shows the answer; one that may change something is written down.
                act persons gateway_try($crate::gateway::GatewayTry) -> $crate::gateway::GatewayTried;
                /// Approves of an act that waits for persons.
                act ruled approve($crate::approvals::ApprovalRequest) -> $crate::model::Approval;
                /// Says no to one.
                act ruled deny($crate::approvals::ApprovalRequest) -> $crate::model::Approval;
                /// Lets somebody see the secrets in the logs and environments of services, for ten minutes.
                act ruled reveal($crate::reveal::RevealRequest) -> $crate::reveal::RevealedView;
                /// Gives a program a token of its own, with which it acts as an agent; the answer is the only place where it is told.
                act ruled add_agent($crate::agents::AddAgentRequest) -> $crate::model::agent::NewAgent;
                /// Takes an agent's token away: it holds at once.
                act ruled remove_agent($crate::agents::RemoveAgentRequest) -> $crate::model::Act;
                /// Ends every process of every cluster of this home at once.
                act ruled emergency_stop($crate::requests::HomeRequest) -> $crate::model::view::StopReport;
                /// Ends the engine; its services are left running or taken down first.
                act ruled shutdown($crate::requests::ShutdownRequest) -> $crate::requests::Nothing;
            }
            streams {
                /// The full picture once, then every change; a reader that falls behind gets the picture again.
                open feed($crate::requests::Nothing) -> $crate::model::view::FeedMessage;
                /// The last lines of services' logs, then every new one, in batches.
                open follow_logs($crate::requests::FollowLogsRequest) -> Vec<$crate::model::view::LogLine>;
                /// What the terminal of a service shows, and all that comes out of it; who lets go is no longer attached.
                persons attach($crate::requests::AttachRequest) -> $crate::model::view::TerminalMessage;
                /// Counts the lines that hold something in whole logs, and in what is written to them then.
                open search_logs($crate::requests::SearchLogsRequest) -> $crate::model::view::LogSearch;
                /// Copies what is kept of logs into a file of the home's folder `exports`: how far it is. Whoever lets go before the end leaves no file behind.
                persons copy_logs($crate::requests::CopyLogsRequest) -> $crate::model::view::LogCopy;
                /// The gateway, then once a second what has changed of it and what came through.
                open watch_gateway($crate::gateway::GatewayAsked) -> $crate::gateway::GatewayMessage;
                /// A cluster against simulated faults: how far it is, then the report. Whoever lets go ends it; one at a time.
                persons rehearse($crate::requests::RehearseRequest) -> $crate::views::RehearsalMessage;
            }
        }
    };
}
