// The editor of a definition: CodeMirror in a shadow root, where its styles are stylesheets of the page and no
// `<style>` that our content security policy refuses.

import { autocompletion, completionKeymap, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { toml } from "@codemirror/legacy-modes/mode/toml";
import { yaml } from "@codemirror/legacy-modes/mode/yaml";
import { lintGutter, lintKeymap, setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { Annotation, Compartment, EditorState, StateEffect, StateField, type Extension } from "@codemirror/state";
import { Decoration, drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers, type DecorationSet } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import type { ProblemView } from "../../ipc/generated";
import { endsOf, languageOf, offsets, placeAt, serviceLines, withEnds, type Ends, type Language } from "./place";
import { keysAt, valuesAt } from "./schema";

const LOOK = EditorView.theme({
  "&": { height: "100%", color: "var(--text)", backgroundColor: "var(--surface)", fontSize: "12.5px" },
  ".cm-scroller": { fontFamily: "var(--mono)", fontVariantLigatures: "none", lineHeight: "1.6" },
  ".cm-content": { caretColor: "var(--accent)", padding: "8px 0" },
  "&.cm-focused": { outline: "none" },
  ".cm-cursor": { borderLeftColor: "var(--accent)", borderLeftWidth: "2px" },
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--text-3)", border: "none" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--accent) 6%, transparent)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "color-mix(in srgb, var(--accent) 28%, transparent)" },
  ".cm-selectionMatch": { backgroundColor: "var(--busy-soft)" },
  ".cm-matchingBracket": { backgroundColor: "var(--accent-soft)", outline: "1px solid var(--accent)" },
  ".cm-own": { backgroundColor: "var(--bg)", boxShadow: "inset 2px 0 0 var(--accent)" },
  ".cm-panels": { backgroundColor: "var(--raised)", color: "var(--text)", borderColor: "var(--line)" },
  ".cm-panels.cm-panels-bottom": { borderTop: "1px solid var(--line)" },
  ".cm-textfield": { backgroundColor: "var(--surface)", border: "1px solid var(--line-strong)", borderRadius: "var(--r-s)", color: "var(--text)" },
  ".cm-button": { backgroundImage: "none", backgroundColor: "var(--surface)", border: "1px solid var(--line-strong)", borderRadius: "var(--r-s)", color: "var(--text)" },
  ".cm-panel.cm-search label": { color: "var(--text-2)" },
  ".cm-panel button[name=close]": { color: "var(--text)" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--text)", border: "1px solid var(--line)", borderRadius: "var(--r-m)", boxShadow: "var(--shadow-2)", overflow: "hidden" },
  ".cm-tooltip-autocomplete ul li": { padding: "3px 10px" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent-soft)", color: "var(--text)" },
  ".cm-completionDetail": { color: "var(--text-2)", fontStyle: "normal", marginLeft: "12px" },
  ".cm-completionInfo": { padding: "8px 12px", maxWidth: "340px", font: "400 var(--t-m)/1.45 var(--font)" },
  ".cm-diagnostic": { padding: "6px 10px", font: "400 var(--t-m)/1.45 var(--font)", whiteSpace: "pre-wrap" },
  ".cm-diagnostic-error": { borderLeft: "3px solid var(--bad-mark)" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--bad-mark)", textUnderlineOffset: "3px" },
  ".cm-lint-marker-error": { content: "none", width: "8px", height: "8px", margin: "4px 2px", borderRadius: "50%", backgroundColor: "var(--bad-mark)" },
});

const WORDS = HighlightStyle.define([
  { tag: tags.comment, color: "var(--text-3)", fontStyle: "italic" },
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--busy-text)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--good-text)" },
  { tag: [tags.number, tags.bool, tags.atom], color: "var(--held-text)" },
  { tag: [tags.heading, tags.tagName, tags.typeName, tags.namespace], color: "var(--accent)", fontWeight: "600" },
]);

const LANGUAGES: Record<Language, Extension> = { toml: StreamLanguage.define(toml), yaml: StreamLanguage.define(yaml), plain: [] };

/** What was put there is no edit of a person's. */
const loaded = Annotation.define<boolean>();

const mark = StateEffect.define<{ from: number; to: number } | null>();
const own = Decoration.line({ class: "cm-own" });
const marked = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(lines, change) {
    for (const effect of change.effects) {
      if (!effect.is(mark)) continue;
      if (effect.value === null) return Decoration.none;
      const found = [];
      for (let line = effect.value.from; line <= Math.min(effect.value.to, change.state.doc.lines); line += 1) found.push(own.range(change.state.doc.line(line).from));
      return Decoration.set(found);
    }
    return lines.map(change.changes);
  },
  provide: (field) => EditorView.decorations.from(field),
});

export class Editor {
  private readonly view: EditorView;
  private services: readonly string[] = [];
  private readonly language = new Compartment();
  private written: Language = "toml";
  /** Of the text that was loaded; the editor's own are always `\n`. */
  private ends: Ends = "\n";

  constructor(place: HTMLElement, label: string, onedit: (text: string) => void, onapply: () => void) {
    // The page's own keys are not meant while somebody writes; it cannot see from outside that somebody does.
    place.addEventListener("keydown", (event) => {
      if (!((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k")) event.stopPropagation();
    });
    const root = place.shadowRoot ?? place.attachShadow({ mode: "open" });
    const state = EditorState.create({
      extensions: [
        lineNumbers(),
        lintGutter(),
        history(),
        drawSelection(),
        bracketMatching(),
        highlightActiveLine(),
        highlightActiveLineGutter(),
        highlightSelectionMatches(),
        search(),
        marked,
        this.language.of(LANGUAGES[this.written]),
        syntaxHighlighting(WORDS),
        autocompletion({ override: [(context) => this.complete(context)], icons: false }),
        keymap.of([{ key: "Mod-s", preventDefault: true, run: () => (onapply(), true) }, ...completionKeymap, ...lintKeymap, ...searchKeymap, ...historyKeymap, ...defaultKeymap]),
        LOOK,
        EditorView.contentAttributes.of({ "aria-label": label, "data-testid": "definition-text", spellcheck: "false", tabindex: "0" }),
        EditorView.updateListener.of((update) => {
          const edited = update.transactions.some((each) => each.docChanged && each.annotation(loaded) !== true);
          if (edited) onedit(withEnds(update.state.doc.toString(), this.ends));
        }),
      ],
    });
    this.view = new EditorView({ state, parent: root, root });
  }

  /** With `\n` at the end of each line, as places count. */
  private get text(): string {
    return this.view.state.doc.toString();
  }

  /** Another text, of a file of this name, with the cursor where it was as far as that is there. */
  load(text: string, file: string): void {
    this.written = languageOf(file);
    this.ends = endsOf(text);
    const insert = withEnds(text, "\n");
    const head = Math.min(this.view.state.selection.main.head, insert.length);
    this.view.dispatch({
      changes: { from: 0, to: this.view.state.doc.length, insert },
      selection: { anchor: head },
      effects: this.language.reconfigure(LANGUAGES[this.written]),
      annotations: [loaded.of(true)],
    });
  }

  /** The names that `needs` may hold. */
  know(services: readonly string[]): void {
    this.services = services;
  }

  /** Marks the table of a service and brings it into view. */
  show(service: string | null): void {
    const found = service === null || this.written !== "toml" ? null : serviceLines(this.text, service);
    const effects: StateEffect<unknown>[] = [mark.of(found)];
    if (found) effects.push(EditorView.scrollIntoView(this.view.state.doc.line(found.from).from, { y: "start", yMargin: 12 }));
    this.view.dispatch({ effects });
  }

  /** Goes to a line and puts the cursor there. */
  go(line: number, column: number): void {
    const { from } = offsets(this.text, line, column, 0);
    this.view.dispatch({ selection: { anchor: from }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
    this.view.focus();
  }

  problems(problems: readonly ProblemView[], file: string): void {
    const text = this.text;
    const found: Diagnostic[] = [];
    for (const { message, remedy, places, file: of } of problems) {
      const place = places[0];
      if (of !== file || !place) continue;
      const range = offsets(text, place.line, place.column, place.length);
const said = new Set([message, place.label, remedy ?? ""].filter((each) => each !== ""));
      found.push({ ...range, severity: "error", message: [...said].join("\n") });
    }
    this.view.dispatch(setDiagnostics(this.view.state, found.sort((a, b) => a.from - b.from)));
  }

  focus(): void {
    this.view.focus();
  }

  dispose(): void {
    this.view.destroy();
  }

  private complete(context: CompletionContext): CompletionResult | null {
    const word = context.matchBefore(/[\w-]*/);
    // What is proposed are the keys of an azora.toml.
    if (!word || this.written !== "toml" || (word.from === word.to && !context.explicit)) return null;
    const at = placeAt(context.state.sliceDoc(0, context.pos));
    if (at === null) return null;
    if (at.writes === "key") {
      const options = keysAt(at.path).map(({ label, detail, info }) => ({ label, detail, info, apply: `${label} = ` }));
      return options.length === 0 ? null : { from: word.from, options, validFor: /^[\w-]*$/ };
    }
    const needs = at.path.at(-1) === "needs";
    const quoted = context.state.sliceDoc(word.from - 1, word.from) === '"';
    const words = needs ? this.services.map((name) => (quoted ? name : `"${name}"`)) : valuesAt(at.path).map((each) => (quoted ? each.replaceAll('"', "") : each));
    return words.length === 0 ? null : { from: word.from, options: words.map((label) => ({ label })), validFor: /^[\w-]*$/ };
  }
}
