import type { Expression, Filter, Given, Target } from './nodes.ts';
import type { TokenStream } from './stream.ts';
import { TemplateError } from './work.ts';

/** What the parser of expressions needs of the parser around it. */
export interface Surroundings {
  readonly stream: TokenStream;
  /** A variable is read. */
  reads(name: string): void;
  /** A filter or test is named; `soft` where Jinja asks for it only when it is reached. */
  names(kind: 'filter' | 'test', name: string, soft: boolean): void;
  /** @throws TemplateError when expressions are nested too deeply. */
  deeper<T>(action: () => T): T;
}

const constants: ReadonlyMap<string, boolean | null> = new Map([
  ['true', true],
  ['True', true],
  ['false', false],
  ['False', false],
  ['none', null],
  ['None', null],
]);
const comparisons = new Set(['==', '!=', '<', '<=', '>', '>=']);

/** Reads the expressions of Jinja's grammar. */
export class ExpressionParser {
  private soft = 0;

  constructor(private readonly around: Surroundings) {}

  private get stream(): TokenStream {
    return this.around.stream;
  }

  /** Within, unknown filters and tests are refused only when they are reached. */
  softly<T>(action: () => T): T {
    this.soft++;
    try {
      return action();
    } finally {
      this.soft--;
    }
  }

  /** The opposite of `softly`. */
  strictly<T>(action: () => T): T {
    const { soft } = this;
    this.soft = 0;
    try {
      return action();
    } finally {
      this.soft = soft;
    }
  }

  expression(withChoice = true): Expression {
    return this.around.deeper(() => (withChoice ? this.choice() : this.or()));
  }

  /** One expression, or several apart by commas: a tuple. */
  tuple({
    choice = true,
    until,
    parenthesized = false,
  }: {
    choice?: boolean;
    until?: string;
    parenthesized?: boolean;
  } = {}): Expression {
    const { stream } = this;
    const items: Expression[] = [];
    let isTuple = false;
    while (true) {
      if (items.length > 0) stream.expect('operator', ',');
      const ends =
        stream.current.kind === 'variable-end' || stream.current.kind === 'block-end' || stream.isSymbol(')');
      if (ends || (until !== undefined && stream.isWord(until))) break;
      items.push(this.expression(choice));
      if (!stream.isSymbol(',')) break;
      isTuple = true;
    }
    if (!isTuple && items[0]) return items[0];
    if (!isTuple && !parenthesized) stream.fail();
    return { kind: 'tuple', items };
  }

  /** `a`, `a, b`, and with `members` also `namespace.a`. */
  target({ until, members = false }: { until?: string; members?: boolean } = {}): Target {
    const { stream } = this;
    const items: Target[] = [];
    let isTuple = false;
    while (true) {
      if (items.length > 0) stream.expect('operator', ',');
      if (stream.current.kind === 'block-end' || (until !== undefined && stream.isWord(until))) break;
      items.push(this.simpleTarget(members));
      if (!stream.isSymbol(',')) break;
      isTuple = true;
    }
    if (!isTuple && items[0]) return items[0];
    if (!isTuple) stream.fail();
    return { kind: 'tuple', items };
  }

  private simpleTarget(members: boolean): Target {
    const { stream } = this;
    if (stream.skipSymbol('(')) {
      const items: Target[] = [];
      let isTuple = false;
      while (!stream.isSymbol(')')) {
        items.push(this.around.deeper(() => this.simpleTarget(false)));
        if (!stream.skipSymbol(',')) break;
        isTuple = true;
      }
      stream.expect('operator', ')');
      return items.length === 1 && !isTuple ? (items[0] as Target) : { kind: 'tuple', items };
    }
    const name = this.targetName();
    if (!members || !stream.skipSymbol('.')) return { kind: 'name', name };
    this.around.reads(name);
    return { kind: 'member', object: name, name: stream.expect('name').text };
  }

  targetName(): string {
    const { text } = this.stream.expect('name');
    if (constants.has(text)) throw new TemplateError(`nothing can be assigned to '${text}'`);
    return text;
  }

  /** `|a(…)|b`, behind what they are applied to; with `bare` the first bar is left out. */
  filters(value: Expression | undefined, bare = false): Filter | undefined {
    const { stream } = this;
    let filtered: Filter | undefined;
    for (let first = bare; first || stream.skipSymbol('|'); first = false) {
      const name = this.dottedName();
      this.around.names('filter', name, this.soft > 0);
      const given = stream.isSymbol('(') ? this.given() : nothingGiven;
      filtered = { kind: 'filter', value: filtered ?? value, name, given };
    }
    return filtered;
  }

  private choice(): Expression {
    const { stream } = this;
    let value = this.or();
    while (stream.skipWord('if')) {
      const then = value;
      const [test, otherwise] = this.softly(() => [
        this.or(),
        stream.skipWord('else') ? this.around.deeper(() => this.choice()) : undefined,
      ]);
      value = { kind: 'choice', test, then, otherwise };
    }
    return value;
  }

  private or(): Expression {
    return this.chain(['or'], true, () => this.chain(['and'], true, () => this.not()));
  }

  private not(): Expression {
    if (!this.stream.skipWord('not')) return this.compare();
    return { kind: 'unary', operator: 'not', operand: this.around.deeper(() => this.not()) };
  }

  private compare(): Expression {
    const { stream } = this;
    const first = this.sum();
    const rest: (readonly [string, Expression])[] = [];
    while (true) {
      const { current } = stream;
      if (current.kind === 'operator' && comparisons.has(current.text)) {
        stream.next();
        rest.push([current.text, this.sum()]);
      } else if (stream.skipWord('in')) rest.push(['in', this.sum()]);
      else if (stream.isWord('not') && stream.following.kind === 'name' && stream.following.text === 'in') {
        stream.next();
        stream.next();
        rest.push(['not in', this.sum()]);
      } else return rest.length > 0 ? { kind: 'compare', first, rest } : first;
    }
  }

  private sum(): Expression {
    return this.chain(['+', '-'], false, () => this.concat());
  }

  private concat(): Expression {
    const parts = [this.product()];
    while (this.stream.skipSymbol('~')) parts.push(this.product());
    return parts.length === 1 ? (parts[0] as Expression) : { kind: 'concat', parts };
  }

  private product(): Expression {
    return this.chain(['*', '/', '//', '%'], false, () => this.chain(['**'], false, () => this.unary(true)));
  }

  /** Operands of operators that are read from left to right. */
  private chain(operators: readonly string[], words: boolean, operand: () => Expression): Expression {
    const { stream } = this;
    const kind = words ? 'name' : 'operator';
    let left = operand();
    while (stream.current.kind === kind && operators.includes(stream.current.text)) {
      const operator = stream.next().text;
      left = { kind: 'binary', operator, left, right: operand() };
    }
    return left;
  }

  private unary(withFilters: boolean): Expression {
    const { stream } = this;
    const sign = stream.isSymbol('-') ? '-' : stream.isSymbol('+') ? '+' : undefined;
    if (sign) stream.next();
    const operand = sign ? this.around.deeper(() => this.unary(false)) : this.primary();
    const value = this.postfix(sign ? { kind: 'unary', operator: sign, operand } : operand);
    return withFilters ? this.filtered(value) : value;
  }

  private primary(): Expression {
    const { stream } = this;
    const token = stream.current;
    if (token.kind === 'name') {
      stream.next();
      const constant = constants.get(token.text);
      if (constant !== undefined) return { kind: 'constant', value: constant };
      this.around.reads(token.text);
      return { kind: 'name', name: token.text };
    }
    if (token.kind === 'string') {
      let value = '';
      while (stream.current.kind === 'string') value += stream.next().text;
      return { kind: 'constant', value };
    }
    if (token.kind === 'integer' || token.kind === 'float') {
      stream.next();
      return { kind: 'constant', value: token.value };
    }
    if (stream.skipSymbol('(')) {
      const inner = this.around.deeper(() => this.tuple({ parenthesized: true }));
      stream.expect('operator', ')');
      return inner;
    }
    if (stream.skipSymbol('[')) return { kind: 'list', items: this.listed(']', () => this.expression()) };
    if (stream.skipSymbol('{')) {
      const entries = this.listed('}', () => {
        const key = this.expression();
        stream.expect('operator', ':');
        return [key, this.expression()] as const;
      });
      return { kind: 'dict', entries };
    }
    return stream.fail();
  }

  private listed<T>(closer: string, item: () => T): T[] {
    const items: T[] = [];
    while (!this.stream.isSymbol(closer)) {
      if (items.length > 0) this.stream.expect('operator', ',');
      if (this.stream.isSymbol(closer)) break;
      items.push(item());
    }
    this.stream.expect('operator', closer);
    return items;
  }

  private postfix(value: Expression): Expression {
    const { stream } = this;
    let result = value;
    while (true) {
      if (stream.skipSymbol('.')) {
        const token = stream.next();
        if (token.kind === 'name') result = { kind: 'attribute', object: result, name: token.text };
        else if (token.kind !== 'integer') throw new TemplateError(`expected a name or number, got '${token.text}'`);
        else result = { kind: 'item', object: result, index: { kind: 'constant', value: token.value } };
      } else if (stream.skipSymbol('[')) result = this.subscript(result);
      else if (stream.isSymbol('(')) result = { kind: 'call', callee: result, given: this.given() };
      else return result;
    }
  }

  private subscript(object: Expression): Expression {
    const { stream } = this;
    const subscripts: (Expression | (Expression | undefined)[])[] = [];
    while (!stream.isSymbol(']')) {
      if (subscripts.length > 0) stream.expect('operator', ',');
      subscripts.push(this.subscribed());
    }
    stream.expect('operator', ']');
    const [first] = subscripts;
    if (subscripts.length === 1 && Array.isArray(first)) return { kind: 'slice', object, bounds: first };
    if (subscripts.some(Array.isArray)) throw new TemplateError('slices of several dimensions are not supported');
    const items = subscripts as Expression[];
    return { kind: 'item', object, index: items.length === 1 ? (items[0] as Expression) : { kind: 'tuple', items } };
  }

  private subscribed(): Expression | (Expression | undefined)[] {
    const { stream } = this;
    const start = stream.isSymbol(':') ? undefined : this.expression();
    if (start && !stream.isSymbol(':')) return start;
    stream.next();
    const ends = () => stream.isSymbol(']') || stream.isSymbol(',');
    const stop = stream.isSymbol(':') || ends() ? undefined : this.expression();
    const step = stream.skipSymbol(':') && !ends() ? this.expression() : undefined;
    return [start, stop, step];
  }

  private filtered(value: Expression): Expression {
    const { stream } = this;
    let result = value;
    while (true) {
      if (stream.isSymbol('|')) result = this.filters(result) as Filter;
      else if (stream.skipWord('is')) result = this.test(result);
      else if (stream.isSymbol('(')) result = { kind: 'call', callee: result, given: this.given() };
      else return result;
    }
  }

  private test(value: Expression): Expression {
    const { stream } = this;
    const negated = stream.skipWord('not');
    const name = this.dottedName();
    this.around.names('test', name, this.soft > 0);
    let given = nothingGiven;
    const { kind } = stream.current;
    if (stream.isSymbol('(')) given = this.given();
    else if (
      (kind === 'name' && !stream.isWord('else', 'or', 'and')) ||
      kind === 'string' ||
      kind === 'integer' ||
      kind === 'float' ||
      stream.isSymbol('[') ||
      stream.isSymbol('{')
    ) {
      if (stream.isWord('is')) throw new TemplateError("tests with 'is' cannot be chained");
      given = { ...nothingGiven, positional: [this.around.deeper(() => this.postfix(this.primary()))] };
    }
    const test: Expression = { kind: 'test', value, name, given };
    return negated ? { kind: 'unary', operator: 'not', operand: test } : test;
  }

  private dottedName(): string {
    let name = this.stream.expect('name').text;
    while (this.stream.skipSymbol('.')) name += `.${this.stream.expect('name').text}`;
    return name;
  }

  private given(): Given {
    const { stream } = this;
    stream.expect('operator', '(');
    const positional: Expression[] = [];
    const named: (readonly [string, Expression])[] = [];
    let list: Expression | undefined;
    let dict: Expression | undefined;
    const ensure = (isRight: boolean) => {
      if (!isRight) throw new TemplateError('the arguments of a call are out of order');
    };
    for (let first = true; !stream.isSymbol(')'); first = false) {
      if (!first) stream.expect('operator', ',');
      if (stream.isSymbol(')')) break;
      if (stream.skipSymbol('*')) {
        ensure(!list && !dict);
        list = this.expression();
      } else if (stream.skipSymbol('**')) {
        ensure(!dict);
        dict = this.expression();
      } else if (
        stream.current.kind === 'name' &&
        stream.following.kind === 'operator' &&
        stream.following.text === '='
      ) {
        ensure(!dict);
        const name = stream.next().text;
        stream.next();
        ensure(named.every(([other]) => other !== name));
        named.push([name, this.expression()]);
      } else {
        ensure(!list && !dict && named.length === 0);
        positional.push(this.expression());
      }
    }
    stream.expect('operator', ')');
    return { positional, named, list, dict };
  }
}

const nothingGiven: Given = { positional: [], named: [], list: undefined, dict: undefined };
