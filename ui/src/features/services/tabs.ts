// The tabs of a service, in their order. One more is a folder beside these and a row here: its id is in
// the address (`tab=logs`), and it is in the page only while it is looked at, so that its feeds stop with it.

import DefinitionTab from "./definition/DefinitionTab.svelte";
import EnvironmentTab from "./environment/EnvironmentTab.svelte";
import HistoryTab from "./history/HistoryTab.svelte";
import LogsTab from "./logs/LogsTab.svelte";
import TerminalTab from "./terminal/TerminalTab.svelte";
import OverviewTab from "./overview/OverviewTab.svelte";
import type { Tab } from "./tab";

export const TABS: readonly Tab[] = [
  { id: "overview", name: "Overview", tab: OverviewTab },
  { id: "logs", name: "Logs", tab: LogsTab },
  { id: "terminal", name: "Terminal", tab: TerminalTab },
  { id: "environment", name: "Environment", tab: EnvironmentTab },
  { id: "definition", name: "Definition", tab: DefinitionTab },
  { id: "history", name: "History", tab: HistoryTab },
];
