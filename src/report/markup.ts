/** HTML that is safe to stand in a page: made by `html` only, which escapes every text that is put into it. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Hole = string | number | Markup | readonly Markup[];

/** A template of HTML. Texts and numbers in its holes are escaped; markup, and lists of it, stand as they are. */
export function html(pieces: TemplateStringsArray, ...holes: readonly Hole[]): Markup {
  return new Markup(pieces.map((piece, i) => piece + filled(holes[i] ?? '')).join(''));
}

function filled(hole: Hole): string {
  if (hole instanceof Markup) return hole.text;
  if (typeof hole === 'object') return hole.map((markup) => markup.text).join('');
  return visible(String(hole)).replace(/[&<>"']/g, (character) => entities[character] as string);
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A text with its control characters as pictures (␊ for a line's end), and without those that turn what follows. */
export function visible(text: string): string {
  return text
    .replace(/\p{Cc}/gu, (control) => {
      const code = control.codePointAt(0) as number;
      return code < 0x20 ? String.fromCodePoint(0x2400 + code) : '\u2421';
    })
    .replace(/[\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}

const longestLabel = 36;

/** A text that is short enough to stand beside a figure. */
export function shortened(text: string): string {
  const characters = [...visible(text)];
  return characters.length <= longestLabel ? characters.join('') : `${characters.slice(0, longestLabel - 1).join('')}…`;
}
