// Where the data of the home lie, and where the engine listens.

export const data = {
  folderPath: "the path of the folder",
  folderMore: "All data of this home: what runs, logs, measurements, incidents, and `settings.toml`, which the engine reads when it starts.",

  api: "API and browser UI",
  registry: "Registry",
  gateway: "Gateway",
  notListening: "not listening",
  addressesMore: "Only this machine reaches them. The engine takes free ports when it starts; `azora serve` takes fixed ones with `--port` and `--registry-port`.",
};
