// The host is the engine's own HTTP server, the page is in a browser. The token arrives in the URL's
// fragment (which browsers never send), is kept for this tab only, and leaves the address bar at once.

import type { Failure, Streams } from "../ipc/generated";
import { LineSplitter } from "./ndjson";
import { CallError, type Platform, type Stream } from "./types";

const KEY = "azora.token";

function takeToken(): string | null {
  const given = /(?:^#|&)token=([0-9a-fA-F]+)/.exec(location.hash)?.[1];
  if (given === undefined) return sessionStorage.getItem(KEY);
  sessionStorage.setItem(KEY, given);
  history.replaceState(history.state, "", location.pathname + location.search);
  return given;
}

async function failure(answer: Response): Promise<CallError> {
  if (answer.status === 401 || answer.status === 403) {
    return new CallError(
      "unauthorised",
      "this page holds no valid token for the engine that runs now. Open the address that `azora serve` or `azora status` prints.",
    );
  }
  try {
    const said = (await answer.json()) as Failure;
    return new CallError(said.code, said.message);
  } catch {
    return new CallError("internal", `the engine answered ${answer.status} ${answer.statusText}`);
  }
}

export function web(): Platform {
  const token = takeToken();
  const ask = (path: string, body: unknown, signal?: AbortSignal): Promise<Response> =>
    fetch(path, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "Azora-Asked": String(Date.now()),
        ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
      ...(signal ? { signal } : {}),
    });

  return {
    kind: "web",

    async call(name, request) {
      let answer: Response;
      try {
        answer = await ask(`/api/call/${name}`, request);
      } catch {
        throw new CallError("unreachable", "the engine does not answer. It may have been stopped.");
      }
      if (!answer.ok) throw await failure(answer);
      return answer.json();
    },

    stream<S extends Stream>(
      name: S,
      request: Streams[S]["request"],
      onMessage: (message: Streams[S]["message"]) => void,
      onEnd: (ended: { reason: string }) => void,
    ) {
      const abort = new AbortController();
      const read = async (): Promise<string> => {
        const answer = await ask(`/api/stream/${name}`, request, abort.signal);
        if (!answer.ok) return (await failure(answer)).message;
        if (!answer.body) return "the engine sent an empty stream";
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        const lines = new LineSplitter();
        for (;;) {
          const { done, value } = await reader.read();
          if (done) return "the engine ended the stream";
          lines.push(value, (line) => {
            if (!stopped) onMessage(JSON.parse(line) as Streams[S]["message"]);
          });
        }
      };
      let stopped = false;
      const end = (reason: string): void => {
        if (stopped) return;
        stopped = true;
        // Whatever went wrong, the socket must not stay open behind a reader that is gone.
        abort.abort();
        onEnd({ reason });
      };
      read().then(end, (cause: unknown) =>
        end(cause instanceof TypeError ? "the engine does not answer" : String(cause)),
      );
      return () => {
        stopped = true;
        abort.abort();
      };
    },

    openExternal(url) {
      window.open(url, "_blank", "noopener,noreferrer");
    },
  };
}
