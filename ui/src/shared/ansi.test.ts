import { describe, expect, it } from "vitest";
import { plain, spans } from "./ansi";

const E = "\u001b";

describe("spans", () => {
  it("keeps plain text as one span", () => {
    expect(spans("hello")).toEqual([{ text: "hello", look: "", fore: null, back: null }]);
    expect(spans("")).toEqual([]);
  });

  it("turns colours and weights on and off", () => {
    expect(spans(`${E}[1;31mERROR${E}[0m fine ${E}[92mok${E}[39m.`).map(({ text, look }) => [text, look])).toEqual([
      ["ERROR", "b f1"], [" fine ", ""], ["ok", "f10"], [".", ""],
    ]);
  });

  it("reads indexed and true colours, with semicolons and colons", () => {
    expect(spans(`${E}[38;5;196mx`)[0]?.fore).toBe("rgb(255 0 0)");
    expect(spans(`${E}[48;5;244mx`)[0]?.back).toBe("rgb(128 128 128)");
    expect(spans(`${E}[38;5;9mx`)[0]?.look).toBe("f9");
    expect(spans(`${E}[38;2;1;2;300mx`)[0]?.fore).toBe("rgb(1 2 255)");
    expect(spans(`${E}[38:2:9:8:7mx`)[0]?.fore).toBe("rgb(9 8 7)");
  });

  it("leaves markup alone: it is text", () => {
    expect(spans(`<img src=x onerror=alert(1)>`)[0]?.text).toBe("<img src=x onerror=alert(1)>");
  });

  it("is bounded on a line that is nothing but codes", () => {
    const found = spans(`${E}[31mx`.repeat(50_000));
    expect(found.length).toBeLessThanOrEqual(401);
    expect(found.map((span) => span.text).join("")).toBe("x".repeat(50_000));
  });

  it("survives codes that make no sense", () => {
    expect(plain(`${E}[38mx${E}[;;my${E}[999mz`)).toBe("xyz");
    expect(spans(`${E}[38mx${E}[;;my${E}[999mz`).map((span) => span.text).join("")).toBe("xyz");
  });
});
