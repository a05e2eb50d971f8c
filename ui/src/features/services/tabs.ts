// The tabs of a service, in their order. One more is a folder beside these and a row here: its id is in
// the address (`tab=logs`), and it is in the page only while it is looked at, so that its feeds stop with it.

import DefinitionTab from "./definition/DefinitionTab.svelte";
import EnvironmentTab from "./environment/EnvironmentTab.svelte";
import HistoryTab from "./history/HistoryTab.svelte";
import LogsTab from "./logs/LogsTab.svelte";
import TerminalTab from "./terminal/TerminalTab.svelte";
import OverviewTab from "./overview/OverviewTab.svelte";
import type { Tab } from "./tab";
import { words } from "../../words";

export const TABS: readonly Tab[] = [
  { id: "overview", name: words.services.tabs.overview, tab: OverviewTab },
  { id: "logs", name: words.services.tabs.logs, tab: LogsTab },
  { id: "terminal", name: words.services.tabs.terminal, tab: TerminalTab },
  { id: "environment", name: words.services.tabs.environment, tab: EnvironmentTab },
  { id: "definition", name: words.services.tabs.definition, tab: DefinitionTab },
  { id: "history", name: words.services.tabs.history, tab: HistoryTab },
];
