// Light or dark: as the system says, unless a person chose. The outcome is `data-theme` on the root.

import { recall, remember } from "./memory";

export type ThemeChoice = "system" | "light" | "dark";

class Theme {
  choice = $state<ThemeChoice>("system");
  private readonly system = matchMedia("(prefers-color-scheme: dark)");
  private systemDark = $state(this.system.matches);

  constructor() {
    const kept = recall("theme");
    if (kept === "light" || kept === "dark") this.choice = kept;
    this.system.addEventListener("change", (event) => {
      this.systemDark = event.matches;
      this.show();
    });
    this.show();
  }

  get dark(): boolean {
    return this.choice === "dark" || (this.choice === "system" && this.systemDark);
  }

  choose(choice: ThemeChoice): void {
    this.choice = choice;
    remember("theme", choice);
    this.show();
  }

  private show(): void {
    document.documentElement.dataset["theme"] = this.dark ? "dark" : "light";
  }
}

export const theme = new Theme();

/** The value of a colour token in the theme that shows now. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
