import { expect, it } from "vitest";
import { Looking } from "./looking.svelte";

it("skips a look while one is under way", async () => {
  const answers: ((seen: string) => void)[] = [];
  const looking = new Looking(() => new Promise<string>((answer) => answers.push(answer)));
  const first = looking.look();
  await looking.look();
  expect(answers.length).toBe(1);
  answers[0]?.("older");
  await first;
  expect(looking.seen).toBe("older");
  const second = looking.look();
  answers[1]?.("newer");
  await second;
  expect(looking.seen).toBe("newer");
});

it("keeps what was seen when a look fails, beside why, until one succeeds", async () => {
  let broken = true;
  let asked = 0;
  const looking = new Looking(() => {
    asked += 1;
    return asked > 1 && broken ? Promise.reject(new Error("the engine does not answer")) : Promise.resolve(asked);
  });
  await looking.look();
  await looking.look();
  expect([looking.seen, looking.problem]).toEqual([1, "The engine does not answer."]);
  broken = false;
  await looking.look();
  expect([looking.seen, looking.problem]).toEqual([3, null]);
});
