// Clusters: their cards, the way from a folder to one that runs, and which of them is shown.

import { say } from "../say";
import type { Snippet } from "svelte";
import { count, number } from "./count";

export const clusters = {
  card: {
    branch: "Branch",
    onBranch: (branch: string) => `Branch ${branch}`,
    onBranchOf: (branch: string, folder: string) => `Branch ${branch}, a worktree of ${folder}`,
    worktreeOf: (folder: string) => `· worktree of ${folder}`,
    services: "Services / instances",
    servicesIn: (services: number, instances: number) => `${number(services)} / ${number(instances)}`,
    memory: "Memory",
    incidents: "Incidents",
    /** What a stopped cluster costs. */
    costsNothing: "none",
    /** How many incidents are open, and how many healing has left to a person. */
    open: (open: number, left: number) => [open > 0 ? `${number(open)} open` : "", left > 0 ? `${number(left)} for you` : ""].filter(Boolean).join(", "),
    noneOpen: "none open",
    up: "Bring up",
    forget: "Forget",
    topology: "Topology",
    apply: "Apply",
    applyMore: "Apply the edited definition",
    down: "Take down",
  },
  hold: {
    hold: "Hold healing",
    held: "Healing held",
    holdMore: (cluster: string) => `Healing is on for ${cluster}. Hold it, and nothing is restarted by itself.`,
    heldMore: (cluster: string) => `Healing is held for ${cluster}: nothing is restarted by itself.`,
    heldUntil: (cluster: string, time: string) => `Healing is held for ${cluster} until ${time}: nothing is restarted by itself.`,
  },
  autonomy: {
    advise: "Healing proposes",
    adviseMore: (cluster: string) => `In ${cluster} healing does what a person has approved of, and nothing else.`,
    off: "Healing off",
    offMore: (cluster: string) => `In ${cluster} healing begins nothing: what is wrong is found and told.`,
  },
  open: {
    title: "Open a folder",
    more: "A folder with an `azora.toml`, `compose.yaml`, `process-compose.yaml` or `Procfile`. Nothing runs before you have read what would.",
    folder: "Folder",
    folderExample: "/home/you/project",
    choose: "Choose…",
    look: "Look",
    cannotRun: (file: string) => `${file} cannot be run`,
    theFolder: "The folder",
    whatIsWrong: "What is wrong",
    noDefinition: (folder: string) => `There is no \`azora.toml\`, \`process-compose.yaml\`, \`compose.yaml\` or \`Procfile\` in ${folder}.`,
    found: (name: Snippet, services: number, file: string) => say`${name} · ${count(services, { one: "# service", other: "# services" })} in \`${file}\``,
    file: "File",
    notes: "Worth knowing",
    known: "It was run from here before. This is what runs:",
    unknown: "It was never run here. These commands would run as you:",
    commands: "Commands",
    cancel: "Cancel",
    up: "Bring up",
    trustAndUp: "Trust this folder and bring up",
    risks: "These make a container as good as root on this machine",
    allowAndUp: "Allow this and bring up",
  },
  switcher: {
    label: "Cluster",
    choose: "Choose a cluster",
    open: "Open a folder",
    openMore: "Open a folder…",
  },
};
