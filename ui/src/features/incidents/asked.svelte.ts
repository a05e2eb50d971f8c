// The incident that an address names: out of the picture, or, when it is older than that, asked for by its number.

import type { Client } from "../../ipc/client";
import type { Incident } from "../../ipc/generated";
import { sentence } from "../../shared/doing.svelte";
import { words } from "../../words";

/** Numbers of incidents have no more digits than a page can count. */
const NUMBER = /^[0-9]{1,15}$/;

export interface Asked {
  /** `null` as long as it is looked for, and where it was not found. */
  readonly incident: Incident | null;
  /** Why it is not found. */
  readonly problem: string | null;
}

/** To be called while a component is made: it looks for as long as that is shown. */
export function asked(client: Client, of: () => string | null): Asked {
  const number = $derived(of());
  const known = $derived(client.home.incidents.find((each) => String(each.id) === number) ?? null);
  const lacking = $derived(known === null ? number : null);
  const pictures = $derived(client.home.pictures);
  let answer = $state.raw<{ of: string; incident: Incident | null; problem: string | null } | null>(null);
  const answered = $derived(answer !== null && answer.of === lacking ? answer : null);
  $effect(() => {
    void pictures;
    const wanted = lacking;
    if (wanted === null) return undefined;
    let mine = true;
    const say = (incident: Incident | null, problem: string | null): void => {
      if (mine) answer = { of: wanted, incident, problem };
    };
    if (NUMBER.test(wanted)) {
      client.read("incident", { id: Number(wanted) }).then(
        (told) => say(told.incident, null),
        (cause: unknown) => say(null, sentence(cause)),
      );
    } else say(null, words.incidents.noNumber);
    return () => {
      mine = false;
    };
  });
  return {
    get incident() {
      return known ?? answered?.incident ?? null;
    },
    get problem() {
      return answered?.problem ?? null;
    },
  };
}
