import { ExpressionParser } from './expressions.ts';
import { tokensOf } from './lexer.ts';
import type { Expression, Filter, Signature, Statement, Target } from './nodes.ts';
import { TokenStream } from './stream.ts';
import { TemplateError, unsupported } from './work.ts';

/** The filters and tests that there are. */
export interface Known {
  readonly filters: ReadonlySet<string>;
  readonly tests: ReadonlySet<string>;
}

/**
 * The statements of a template, with loop controls and `{% generation %}` among them.
 * @throws TemplateError when it is not Jinja, or has a statement that is not supported.
 */
export function parse(template: string, known: Known): readonly Statement[] {
  return new Parser(new TokenStream(tokensOf(template)), known).template();
}

const deepest = 60; // nested expressions and statements
const templatesOfOthers = ['block', 'extends', 'include', 'import', 'from', 'autoescape'];
const specials = ['caller', 'kwargs', 'varargs'];

class Parser {
  private readonly expressions: ExpressionParser;
  /** Of every macro around, which special names it reads. */
  private readonly macros: Set<string>[] = [];
  /** Loops around, within the innermost macro. */
  private loops = 0;
  /** Loops around, macros or not. */
  private allLoops = 0;
  private depth = 0;

  constructor(
    private readonly stream: TokenStream,
    known: Known,
  ) {
    this.expressions = new ExpressionParser({
      stream,
      reads: (name) => {
        if (name === 'self') throw unsupported("the variable 'self'");
        if (specials.includes(name)) for (const macro of this.macros) macro.add(name);
      },
      names: (kind, name, soft) => {
        const names = kind === 'filter' ? known.filters : known.tests;
        if (!soft && !names.has(name)) throw new TemplateError(`there is no ${kind} '${name}'`);
      },
      deeper: (action) => this.deeper(action),
    });
  }

  template(): readonly Statement[] {
    const statements = this.statements([]);
    this.stream.expect('end');
    return statements;
  }

  private deeper<T>(action: () => T): T {
    if (++this.depth > deepest) throw new TemplateError('it is nested too deeply');
    try {
      return action();
    } finally {
      this.depth--;
    }
  }

  /** Statements up to a block that begins with one of these words, which is the current token then. */
  private statements(ends: readonly string[]): Statement[] {
    const { stream } = this;
    const found: Statement[] = [];
    while (stream.current.kind !== 'end') {
      const token = stream.next();
      if (token.kind === 'data') found.push({ kind: 'text', text: token.text });
      else if (token.kind === 'variable-begin') {
        found.push({ kind: 'print', value: this.expressions.tuple() });
        stream.expect('variable-end');
      } else {
        if (stream.isWord(...ends)) return found;
        found.push(...this.deeper(() => this.statement()));
        stream.expect('block-end');
      }
    }
    if (ends.length > 0) throw new TemplateError(`the template ends before ${ends.join(' or ')}`);
    return found;
  }

  /** What a statement holds, up to and with its end; `ends` may begin another part of it. */
  private body(...ends: string[]): Statement[] {
    this.stream.skipSymbol(':');
    this.stream.expect('block-end');
    return this.statements(ends);
  }

  /** The body up to the statement's end. */
  private wholeBody(end: string): Statement[] {
    const found = this.expressions.strictly(() => this.body(end));
    this.stream.next();
    return found;
  }

  private statement(): Statement[] {
    const { text: word } = this.stream.expect('name');
    switch (word) {
      case 'for':
        return [this.loop()];
      case 'if':
        return [this.expressions.softly(() => this.condition())];
      case 'set':
        return [this.assignment()];
      case 'with':
        return [this.scope()];
      case 'macro': {
        const name = this.expressions.targetName();
        return [{ kind: 'macro', name, signature: this.signature('endmacro') }];
      }
      case 'call':
        return [this.callBlock()];
      case 'filter': {
        const filter = this.expressions.filters(undefined, true) as Filter;
        return [{ kind: 'filter-block', filter, body: this.wholeBody('endfilter') }];
      }
      case 'generation': // a macro's body to Jinja: loops outside of it are not reached
        return [{ kind: 'generation', body: this.isolated(() => this.wholeBody('endgeneration')) }];
      case 'print':
        return this.prints();
      case 'break':
      case 'continue':
        if (this.loops === 0) throw new TemplateError(`'${word}' stands outside of a loop`);
        return [{ kind: word }];
      default:
        if (templatesOfOthers.includes(word)) throw unsupported(`the statement '${word}'`);
        throw new TemplateError(`there is no statement '${word}'`);
    }
  }

  private prints(): Statement[] {
    const found: Statement[] = [];
    while (this.stream.current.kind !== 'block-end') {
      if (found.length > 0) this.stream.expect('operator', ',');
      found.push({ kind: 'print', value: this.expressions.expression() });
    }
    return found;
  }

  private loop(): Statement {
    const { stream, expressions } = this;
    const target = expressions.target({ until: 'in' });
    stream.expect('name', 'in');
    const over = expressions.tuple({ choice: false, until: 'recursive' });
    const test = stream.skipWord('if') ? expressions.strictly(() => expressions.expression()) : undefined;
    const recursive = stream.skipWord('recursive');
    this.loops++;
    this.allLoops++;
    this.checkTarget(target);
    const body = expressions.strictly(() => this.body('endfor', 'else'));
    this.loops--; // a break in the else belongs to the loop around
    const otherwise = stream.next().text === 'else' ? this.wholeBody('endfor') : [];
    this.allLoops--;
    return { kind: 'for', target, over, test, recursive, body, otherwise };
  }

  private condition(): Statement {
    const { stream, expressions } = this;
    const branches: (readonly [Expression, readonly Statement[]])[] = [];
    while (true) {
      const test = expressions.tuple({ choice: false });
      branches.push([test, this.body('elif', 'else', 'endif')]);
      const { text } = stream.next();
      if (text === 'elif') continue;
      if (text === 'endif') return { kind: 'if', branches, otherwise: [] };
      const otherwise = this.body('endif');
      stream.next();
      return { kind: 'if', branches, otherwise };
    }
  }

  private assignment(): Statement {
    const target = this.expressions.target({ members: true });
    this.checkTarget(target);
    if (this.stream.skipSymbol('=')) return { kind: 'set', target, value: this.expressions.tuple() };
    const filter = this.expressions.strictly(() => this.expressions.filters(undefined));
    return { kind: 'set-block', target, filter, body: this.wholeBody('endset') };
  }

  private scope(): Statement {
    const { stream, expressions } = this;
    const values: (readonly [Target, Expression])[] = [];
    while (stream.current.kind !== 'block-end') {
      if (values.length > 0) stream.expect('operator', ',');
      const target = expressions.target();
      this.checkTarget(target);
      stream.expect('operator', '=');
      values.push([target, expressions.expression()]);
    }
    return { kind: 'with', values, body: this.wholeBody('endwith') };
  }

  private callBlock(): Statement {
    const begin = this.stream.isSymbol('(') ? this.parameters() : [];
    const call = this.expressions.expression();
    if (call.kind !== 'call') throw new TemplateError("'call' is not followed by a call");
    return { kind: 'call-block', call, signature: this.signature('endcall', begin) };
  }

  private signature(end: string, parameters = this.parameters()): Signature {
    const reads = new Set<string>();
    this.macros.push(reads);
    const body = this.isolated(() => this.wholeBody(end));
    this.macros.pop();
    for (const { name } of parameters) reads.delete(name);
    return { parameters, body, reads };
  }

  /** A body that loops around it do not reach. */
  private isolated<T>(action: () => T): T {
    const { loops } = this;
    this.loops = 0;
    const result = action();
    this.loops = loops;
    return result;
  }

  private parameters(): Signature['parameters'] {
    const { stream, expressions } = this;
    const found: { name: string; fallback: Expression | undefined }[] = [];
    stream.expect('operator', '(');
    while (!stream.isSymbol(')')) {
      if (found.length > 0) stream.expect('operator', ',');
      const name = expressions.targetName();
      if (name === 'caller') throw unsupported("a parameter called 'caller'");
      if (found.some((other) => other.name === name)) throw new TemplateError(`two parameters are called '${name}'`);
      const fallback = stream.skipSymbol('=') ? expressions.strictly(() => expressions.expression()) : undefined;
      if (!fallback && found.at(-1)?.fallback)
        throw new TemplateError('a parameter without a default follows one with');
      found.push({ name, fallback });
    }
    stream.expect('operator', ')');
    return found;
  }

  private checkTarget(target: Target): void {
    if (target.kind === 'tuple') for (const item of target.items) this.checkTarget(item);
    else if (target.kind === 'name' && target.name === 'loop' && this.allLoops > 0) {
      throw new TemplateError("nothing can be assigned to 'loop'");
    }
  }
}
