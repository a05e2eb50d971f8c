// What only a desktop has.

export const host = {
  autostart: "Start with the session",
  autostartMore: "In the tray. It adopts what runs, and heals it.",
  on: "On",
  off: "Off",
  notChanged: (why: string) => `It was not changed: ${why}.`,
  notSeen: (why: string) => `It could not be looked at: ${why}.`,
  saved: "Saved",
  copyPath: "Copy the path",
  drop: "Drop a folder to open it",
  dropMore: "You will see what it runs before anything runs.",
};
