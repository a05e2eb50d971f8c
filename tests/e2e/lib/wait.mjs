// Waiting on conditions, never on time: a look every few milliseconds until it holds or a limit is
// over, which says what was waited for and what was seen last.

/** Resolves with the first value that is not false, null or undefined. */
export async function until(what, look, limit = 30_000) {
  const deadline = Date.now() + limit;
  let last;
  for (;;) {
    try {
      last = await look();
      if (last !== false && last !== null && last !== undefined) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() >= deadline) {
      const seen = last instanceof Error ? last.message : JSON.stringify(last);
      throw new Error(`waited ${limit / 1000} s for ${what}; last seen: ${seen}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
