import { attributeOf, itemOf, sliceOf } from './access.ts';
import type { Environment } from './builtin.ts';
import { filters } from './filters.ts';
import { LoopState, Namespace } from './instances.ts';
import type { Expression, Filter, Given, Loop, Signature, Statement, Target } from './nodes.ts';
import { binary, compare, signed } from './operators.ts';
import { print } from './print.ts';
import { Scope } from './scope.ts';
import { tests } from './tests.ts';
import {
  type Arguments,
  Callable,
  Dict,
  either,
  generated,
  Instance,
  isTrue,
  iterate,
  listOf,
  Tuple,
  textOf,
  typeOf,
  Undefined,
  type Value,
} from './values.ts';
import { TemplateError, type Work } from './work.ts';

/** How a block of statements ended: by itself, or at a loop control. */
type Ending = 'end' | 'break' | 'continue';

const unitsPerTurn = 5; // a scope and a state of the loop are made anew

/** Runs a parsed template. */
export class Interpreter {
  private readonly env: Environment;

  constructor(private readonly work: Work) {
    this.env = {
      work,
      filter: (name, given) => this.filter(name, given),
      test: (name, given) => this.test(name, given),
    };
  }

  /** What statements write. */
  render(statements: readonly Statement[], scope: Scope): string {
    const written: string[] = [];
    this.run(statements, scope, written);
    return written.join('');
  }

  private run(statements: readonly Statement[], scope: Scope, out: string[]): Ending {
    for (const statement of statements) {
      const ending = this.work.deeper(() => this.statement(statement, scope, out));
      if (ending !== 'end') return ending;
    }
    return 'end';
  }

  private write(text: string, out: string[]): 'end' {
    this.work.spend(text.length);
    out.push(text);
    return 'end';
  }

  private statement(statement: Statement, scope: Scope, out: string[]): Ending {
    switch (statement.kind) {
      case 'text':
        return this.write(statement.text, out);
      case 'print':
        return this.write(print(this.value(statement.value, scope), this.work), out);
      case 'for':
        return this.loop(statement, scope, out);
      case 'if': {
        const taken = statement.branches.find(([test]) => isTrue(this.value(test, scope)));
        return this.run(taken ? taken[1] : statement.otherwise, scope, out);
      }
      case 'set':
        this.assign(statement.target, this.value(statement.value, scope), scope);
        return 'end';
      case 'set-block': {
        const written: string[] = [];
        const ending = this.run(statement.body, new Scope(scope), written);
        if (ending !== 'end') return ending;
        const text = written.join('');
        this.assign(statement.target, statement.filter ? this.filtered(statement.filter, scope, text) : text, scope);
        return 'end';
      }
      case 'with': {
        const inner = new Scope(scope);
        for (const [target, value] of statement.values) this.assign(target, this.value(value, scope), inner);
        return this.run(statement.body, inner, out);
      }
      case 'macro':
        scope.set(statement.name, this.macro(statement.name, statement.signature, scope));
        return 'end';
      case 'call-block': {
        const caller = this.macro('', statement.signature, scope);
        const result = this.called(statement.call.callee, statement.call.given, scope, caller);
        return this.write(written(result), out);
      }
      case 'filter-block': {
        const inner: string[] = [];
        const ending = this.run(statement.body, new Scope(scope), inner);
        if (ending !== 'end') return ending;
        return this.write(written(this.filtered(statement.filter, scope, inner.join(''))), out);
      }
      case 'generation':
        return this.run(statement.body, new Scope(scope), out);
      default:
        return statement.kind;
    }
  }

  private loop(loop: Loop, scope: Scope, out: string[]): Ending {
    if (!loop.recursive) return this.turns(loop, this.value(loop.over, scope), scope, out, 0);
    this.write(this.recursion(loop, this.value(loop.over, scope), scope, 0), out);
    return 'end';
  }

  private recursion(loop: Loop, over: Value, scope: Scope, depth: number): string {
    const written: string[] = [];
    this.work.deeper(() => this.turns(loop, over, scope, written, depth));
    return written.join('');
  }

  private turns(loop: Loop, over: Value, scope: Scope, out: string[], depth: number): Ending {
    const { work } = this;
    const passing = loop.test ? this.passing(loop, loop.test, over, scope) : over;
    const again = ({ positional: [inner] }: Arguments) => {
      if (inner === undefined) throw new TemplateError('a loop is called with what it goes over');
      return this.recursion(loop, inner, scope, depth + 1);
    };
    const state = new LoopState(passing, iterate(passing, work), work, depth, loop.recursive ? again : undefined);
    let isEmpty = true;
    for (let item = state.next(); item !== undefined; item = state.next()) {
      work.spend(unitsPerTurn);
      const inner = new Scope(scope).set('loop', state);
      this.assign(loop.target, item, inner);
      const ending = this.run(loop.body, inner, out);
      if (ending === 'break') break;
      if (ending === 'end') isEmpty = false; // as in Jinja: a turn that was left early does not count
    }
    return isEmpty ? this.run(loop.otherwise, new Scope(scope), out) : 'end';
  }

  /** The items that pass a loop's own test, tested when they are asked for. */
  private passing({ target }: Loop, test: Expression, over: Value, scope: Scope): Value {
    const values = iterate(over, this.work);
    const { work } = this;
    const passes = (item: Value) => {
      const inner = new Scope(scope);
      this.assign(target, item, inner);
      return isTrue(this.value(test, inner));
    };
    return generated(function* () {
      for (let next = values.next(); !next.done; next = values.next()) {
        work.spend(1);
        if (passes(next.value)) yield next.value;
      }
    });
  }

  private assign(target: Target, value: Value, scope: Scope): void {
    if (target.kind === 'name') {
      scope.set(target.name, value);
      return;
    }
    if (target.kind === 'member') {
      const object = scope.get(target.object);
      if (!(object instanceof Namespace)) throw new TemplateError('cannot assign attribute on non-namespace object');
      object.set(target.name, value);
      return;
    }
    const values = listOf(value, this.work);
    if (values.length !== target.items.length) {
      throw new TemplateError(`${values.length} values for ${target.items.length} names`);
    }
    for (const [i, item] of target.items.entries()) this.assign(item, values[i] as Value, scope);
  }

  private macro(name: string, { parameters, body, reads }: Signature, scope: Scope): Callable {
    const names = parameters.map((parameter) => parameter.name);
    const call = ({ positional, named }: Arguments) => {
      const inner = new Scope(scope);
      const left = new Map(named);
      parameters.forEach(({ name: parameter, fallback }, i) => {
        const given = i < positional.length ? positional[i] : left.get(parameter);
        if (i >= positional.length) left.delete(parameter);
        const missing = () =>
          fallback ? this.value(fallback, inner) : new Undefined(`parameter '${parameter}' was not provided`);
        inner.set(parameter, either(given, missing));
      });
      if (reads.has('caller')) {
        inner.set(
          'caller',
          either(left.get('caller'), () => new Undefined('No caller defined')),
        );
        left.delete('caller');
      }
      if (reads.has('kwargs')) {
        const dict = new Dict();
        for (const [key, value] of left) dict.set(key, value);
        inner.set('kwargs', dict);
      } else if (left.size > 0) {
        throw new TemplateError(`macro '${name}' takes no keyword argument '${[...left.keys()][0]}'`);
      }
      const more = positional.slice(parameters.length);
      if (reads.has('varargs')) inner.set('varargs', new Tuple(more));
      else if (more.length > 0)
        throw new TemplateError(`macro '${name}' takes not more than ${parameters.length} argument(s)`);
      return this.work.deeper(() => this.render(body, inner));
    };
    const attributes: (readonly [string, Value])[] = [
      ['name', name === '' ? null : name],
      ['arguments', new Tuple(names)],
      ['catch_kwargs', reads.has('kwargs')],
      ['catch_varargs', reads.has('varargs')],
      ['caller', reads.has('caller')],
    ];
    return new Callable('Macro', name, call, new Map(attributes));
  }

  private value(expression: Expression, scope: Scope): Value {
    return this.work.deeper(() => this.evaluate(expression, scope));
  }

  private evaluate(expression: Expression, scope: Scope): Value {
    const { work } = this;
    const value = (inner: Expression) => this.value(inner, scope);
    switch (expression.kind) {
      case 'constant':
        return expression.value;
      case 'name':
        return either(scope.get(expression.name), () => new Undefined(`'${expression.name}' is undefined`));
      case 'list':
        return expression.items.map(value);
      case 'tuple':
        return new Tuple(expression.items.map(value));
      case 'dict': {
        const dict = new Dict();
        for (const [key, item] of expression.entries) dict.set(value(key), value(item));
        return dict;
      }
      case 'attribute':
        return attributeOf(value(expression.object), expression.name, work);
      case 'item':
        return itemOf(value(expression.object), value(expression.index), work);
      case 'slice': {
        const object = value(expression.object);
        return sliceOf(
          object,
          expression.bounds.map((bound) => bound && value(bound)),
          work,
        );
      }
      case 'call':
        return this.called(expression.callee, expression.given, scope);
      case 'filter':
        return this.filtered(expression, scope);
      case 'test':
        return this.test(expression.name, this.given(expression.given, scope, value(expression.value)));
      case 'unary':
        if (expression.operator === 'not') return !isTrue(value(expression.operand));
        return signed(expression.operator, value(expression.operand));
      case 'binary': {
        const left = value(expression.left);
        if (expression.operator === 'and') return isTrue(left) ? value(expression.right) : left;
        if (expression.operator === 'or') return isTrue(left) ? left : value(expression.right);
        return binary(expression.operator, left, value(expression.right), work);
      }
      case 'concat': {
        const text = expression.parts.map((part) => print(value(part), work)).join('');
        work.spend(text.length);
        return text;
      }
      case 'compare': {
        let left = value(expression.first);
        return expression.rest.every(([operator, operand]) => {
          const right = value(operand);
          const holds = compare(operator, left, right, work);
          left = right;
          return holds;
        });
      }
      default:
        if (isTrue(value(expression.test))) return value(expression.then);
        return expression.otherwise
          ? value(expression.otherwise)
          : new Undefined('the inline if-expression evaluated to false and no else section was defined.');
    }
  }

  private called(callee: Expression, given: Given, scope: Scope, caller?: Callable): Value {
    const callable = this.value(callee, scope);
    const { positional, named } = this.given(given, scope);
    const args = { positional, named: caller ? new Map([...named, ['caller', caller]]) : named };
    if (callable instanceof Undefined) callable.fail();
    const isCallable = callable instanceof Callable || (callable instanceof Instance && callable.call !== undefined);
    if (!isCallable) throw new TemplateError(`'${typeOf(callable)}' object is not callable`);
    return callable.call?.(args) as Value;
  }

  /** The arguments of a call, with a first one of the caller's own. */
  private given({ positional, named, list, dict }: Given, scope: Scope, first?: Value): Arguments {
    const values = positional.map((item) => this.value(item, scope));
    const byName = new Map(named.map(([name, item]) => [name, this.value(item, scope)] as const));
    if (list) values.push(...listOf(this.value(list, scope), this.work));
    if (dict) {
      const more = this.value(dict, scope);
      if (!(more instanceof Dict)) throw new TemplateError('the argument after ** is not a mapping');
      for (const [key, item] of more) {
        const name = textOf(key);
        if (name === undefined || byName.has(name)) throw new TemplateError('the argument after ** has unfit names');
        byName.set(name, item);
      }
    }
    return { positional: first === undefined ? values : [first, ...values], named: byName };
  }

  private filtered({ value, name, given }: Filter, scope: Scope, written = ''): Value {
    const first = value === undefined ? written : this.filteredValue(value, scope, written);
    return this.filter(name, this.given(given, scope, first));
  }

  /** The innermost filter of a block's chain is applied to what the block writes. */
  private filteredValue(value: Expression, scope: Scope, written: string): Value {
    return value.kind === 'filter'
      ? this.work.deeper(() => this.filtered(value, scope, written))
      : this.value(value, scope);
  }

  private filter(name: string, given: Arguments): Value {
    const found = filters.get(name);
    if (!found) throw new TemplateError(`there is no filter '${name}'`);
    return found(given, this.env);
  }

  private test(name: string, given: Arguments): boolean {
    const found = tests.get(name);
    if (!found) throw new TemplateError(`there is no test '${name}'`);
    return found(given, this.env);
  }
}

/** What a block's call or filter made, which is not printed but written as it is. */
function written(value: Value): string {
  const text = textOf(value);
  if (text === undefined) throw new TemplateError(`a block wrote a ${typeOf(value)}, not a str`);
  return text;
}
