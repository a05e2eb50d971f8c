// The address of the page as state. A place is a path, what is open in it are parameters; going back
// in the browser goes back in the app.

export type Params = Record<string, string | null>;

class Url {
  private at = $state.raw(new URL(location.href));

  constructor() {
    addEventListener("popstate", () => {
      this.at = new URL(location.href);
    });
  }

  /** "topology" for `/topology`; "" at the root. */
  get place(): string {
    return this.at.pathname.split("/")[1] ?? "";
  }

  get(name: string): string | null {
    return this.at.searchParams.get(name);
  }

  /** The address of `place` with these parameters changed. `null` takes one away. */
  href(place: string, changed: Params = {}, keep: readonly string[] = ["cluster"]): string {
    const params = new URLSearchParams();
    for (const name of keep) {
      const value = this.get(name);
      if (value !== null) params.set(name, value);
    }
    for (const [name, value] of Object.entries(changed)) {
      if (value === null) params.delete(name);
      else params.set(name, value);
    }
    const query = params.toString();
    return `/${place}${query === "" ? "" : `?${query}`}`;
  }

  /** Opens an address of this page. */
  go(href: string, replace = false): void {
    if (replace) history.replaceState(null, "", href);
    else history.pushState(null, "", href);
    this.at = new URL(location.href);
  }

  /** Changes parameters and stays where it is. */
  patch(changed: Params, replace = false): void {
    this.move(this.place, changed, replace);
  }

  /** Goes to another place and keeps all parameters but those that change. */
  move(place: string, changed: Params, replace = false): void {
    this.go(this.href(place, changed, [...this.at.searchParams.keys()]), replace);
  }

  /** For the window: clicks on our own links stay in the page. */
  readonly onclick = (event: MouseEvent): void => {
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const link = (event.target as Element | null)?.closest("a[href]");
    if (!(link instanceof HTMLAnchorElement) || link.origin !== location.origin || link.target !== "") return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  };
}

export const url = new Url();
