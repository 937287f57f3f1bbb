import { equals } from './operators.ts';
import { print, repr } from './print.ts';
import { bound, parameters } from './signature.ts';
import {
  type Arguments,
  Callable,
  Dict,
  Instance,
  iterate,
  lengthOf,
  listOf,
  Tuple,
  textOf,
  Undefined,
  type Value,
} from './values.ts';
import { TemplateError, unsupported, type Work } from './work.ts';

/** `namespace(…)`: the one object that a template may change. */
export class Namespace extends Instance {
  readonly type = 'Namespace';
  private readonly attributes = new Map<string, Value>();

  constructor(given: Dict) {
    super();
    for (const [name, value] of given) this.set(textOf(name) ?? '', value);
  }
  attribute(name: string): Value | undefined {
    return this.attributes.get(name);
  }
  /** @throws TemplateError for names that begin with '_'. */
  set(name: string, value: Value): void {
    if (name.startsWith('_')) throw new TemplateError(`a namespace cannot store '${name}'`);
    this.attributes.set(name, value);
  }
  toText(work: Work): string {
    const dict = new Dict();
    for (const [name, value] of this.attributes) dict.set(name, value);
    return `<Namespace ${repr(dict, work)}>`;
  }
}

/** `loop`: where a loop is, and what it passes. Items are asked for one ahead at most. */
export class LoopState extends Instance {
  readonly type = 'LoopContext';
  private index = -1;
  private before: Value | undefined;
  private now: Value | undefined;
  private ahead: IteratorResult<Value> | undefined;
  private size: number | undefined;
  private values: Iterator<Value>;
  private changedTo: readonly Value[] | undefined;

  constructor(
    over: Value,
    values: Iterator<Value>,
    private readonly work: Work,
    private readonly depth: number,
    override readonly call?: (given: Arguments) => Value,
  ) {
    super();
    this.values = values;
    this.size = lengthOf(over);
  }

  next(): Value | undefined {
    const next = this.ahead ?? this.values.next();
    this.ahead = undefined;
    if (next.done) return undefined;
    this.index++;
    this.before = this.now;
    this.now = next.value;
    return next.value;
  }

  attribute(name: string): Value | undefined {
    const index = BigInt(this.index);
    switch (name) {
      case 'index':
        return index + 1n;
      case 'index0':
        return index;
      case 'first':
        return index === 0n;
      case 'last':
        return this.peek().done === true;
      case 'length':
        return BigInt(this.length());
      case 'revindex':
        return BigInt(this.length()) - index;
      case 'revindex0':
        return BigInt(this.length()) - index - 1n;
      case 'depth':
        return BigInt(this.depth + 1);
      case 'depth0':
        return BigInt(this.depth);
      case 'previtem':
        return this.index === 0 ? new Undefined('there is no previous item') : this.before;
      case 'nextitem': {
        const next = this.peek();
        return next.done ? new Undefined('there is no next item') : next.value;
      }
      case 'cycle':
        return new Callable('method', name, ({ positional }) => {
          if (positional.length === 0) throw new TemplateError('no items for cycling given');
          return positional[this.index % positional.length] as Value;
        });
      case 'changed':
        return new Callable('method', name, ({ positional }) => this.changed(positional));
      default:
        return undefined;
    }
  }

  toText(): string {
    return `<LoopContext ${this.index + 1}/${this.length()}>`;
  }

  private changed(values: readonly Value[]): boolean {
    const isSame = this.changedTo !== undefined && equals(new Tuple(values), new Tuple(this.changedTo), this.work);
    if (!isSame) this.changedTo = values;
    return !isSame;
  }

  private peek(): IteratorResult<Value> {
    this.ahead ??= this.values.next();
    return this.ahead;
  }

  private length(): number {
    if (this.size === undefined) {
      const rest: Value[] = [];
      for (let next = this.values.next(); !next.done; next = this.values.next()) {
        this.work.spend(1);
        rest.push(next.value);
      }
      this.values = rest[Symbol.iterator]();
      this.size = rest.length + this.index + 1 + (this.ahead && !this.ahead.done ? 1 : 0);
    }
    return this.size;
  }
}

/** `cycler(…)`. */
export class Cycler extends Instance {
  readonly type = 'Cycler';
  private at = 0;

  constructor(private readonly items: readonly Value[]) {
    super();
    if (items.length === 0) throw new TemplateError('at least one item has to be provided');
  }
  attribute(name: string): Value | undefined {
    switch (name) {
      case 'current':
        return this.items[this.at];
      case 'next':
        return new Callable('method', name, () => {
          const item = this.items[this.at] as Value;
          this.at = (this.at + 1) % this.items.length;
          return item;
        });
      case 'reset':
        return new Callable('method', name, () => {
          this.at = 0;
          return null;
        });
      case 'items':
        return new Tuple(this.items);
      case 'pos':
        return BigInt(this.at);
      default:
        return undefined;
    }
  }
  toText(): string {
    throw unsupported('printing a cycler');
  }
}

/** `joiner(…)`: nothing when it is called first, then its separator. */
export class Joiner extends Instance {
  readonly type = 'Joiner';
  private used = false;

  constructor(private readonly separator: Value) {
    super();
  }
  attribute(name: string): Value | undefined {
    return name === 'sep' ? this.separator : name === 'used' ? this.used : undefined;
  }
  toText(): string {
    throw unsupported('printing a joiner');
  }
  override call(): Value {
    if (this.used) return this.separator;
    this.used = true;
    return '';
  }
}

/** dict(): of a dict, of pairs, and of named arguments. @throws TemplateError for anything else. */
export function dictFrom({ positional, named }: Arguments, work: Work): Dict {
  const [first, ...more] = positional;
  if (more.length > 0) throw new TemplateError(`dict expected at most 1 argument, got ${positional.length}`);
  const dict = new Dict();
  if (first instanceof Undefined) first.fail();
  if (first instanceof Dict) for (const [key, value] of first) dict.set(key, value);
  else if (first !== undefined) {
    const values = iterate(first, work);
    for (let next = values.next(); !next.done; next = values.next()) {
      const [key, value, extra] = listOf(next.value, work);
      if (key === undefined || value === undefined || extra !== undefined) {
        throw new TemplateError('dict() takes pairs');
      }
      dict.set(key, value);
    }
  }
  for (const [name, value] of named) dict.set(name, value);
  return dict;
}

/** The function that `raise_exception` is. */
export function raise(given: Arguments, work: Work): never {
  const [message] = bound('raise_exception', parameters('message'), given);
  throw new TemplateError(print(message as Value, work));
}
