// What the build puts in the place of the `<style>` elements of xterm.js: its text is a stylesheet of the
// page for as long as the element is in it. Such sheets are made by scripts only, so our content security
// policy need not allow any style in markup.

class StyleElement extends HTMLElement {
  private readonly sheet = new CSSStyleSheet();

  override get textContent(): string {
    return "";
  }

  override set textContent(text: string) {
    this.sheet.replaceSync(text);
  }

  connectedCallback(): void {
    this.hidden = true;
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, this.sheet];
  }

  disconnectedCallback(): void {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== this.sheet);
  }
}

if (customElements.get("azora-style") === undefined) customElements.define("azora-style", StyleElement);
