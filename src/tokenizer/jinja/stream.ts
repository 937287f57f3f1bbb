import type { Token } from './lexer.ts';
import { TemplateError } from './work.ts';

/** Tokens with a place among them. */
export class TokenStream {
  private at = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  get current(): Token {
    return this.tokens[this.at] as Token;
  }

  get following(): Token {
    return this.tokens[Math.min(this.at + 1, this.tokens.length - 1)] as Token;
  }

  next(): Token {
    const token = this.current;
    if (token.kind !== 'end') this.at++;
    return token;
  }

  /** Whether the token is this symbol. */
  isSymbol(text: string): boolean {
    return this.current.kind === 'operator' && this.current.text === text;
  }

  /** Whether the token is one of these words. */
  isWord(...words: string[]): boolean {
    return this.current.kind === 'name' && words.includes(this.current.text);
  }

  skipSymbol(text: string): boolean {
    const found = this.isSymbol(text);
    if (found) this.at++;
    return found;
  }

  skipWord(text: string): boolean {
    const found = this.isWord(text);
    if (found) this.at++;
    return found;
  }

  expect(kind: Token['kind'], text?: string): Token {
    const { current } = this;
    if (current.kind !== kind || (text !== undefined && current.text !== text)) {
      throw new TemplateError(`expected ${text === undefined ? `a ${kind}` : `'${text}'`}, got '${current.text}'`);
    }
    return this.next();
  }

  fail(): never {
    throw new TemplateError(`'${this.current.text}' is unexpected`);
  }
}
