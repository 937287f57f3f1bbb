import { filters } from './filters.ts';
import { fromJson, globalsOf } from './globals.ts';
import { Interpreter } from './interpreter.ts';
import { parse } from './parser.ts';
import { Scope } from './scope.ts';
import { tests } from './tests.ts';
import { Work } from './work.ts';

/** Writes what a template makes of variables, which are JSON. */
export type Render = (variables: Readonly<Record<string, unknown>>, now?: Date) => string;

const units = 10_000_000; // two seconds at most; an honest template needs thousands

/**
 * Compiles a template of Jinja as transformers' apply_chat_template does: a sandbox whose lists and dicts cannot be
 * changed, trim_blocks, lstrip_blocks, loop controls, `{% generation %}`, tojson without escapes for HTML,
 * raise_exception and strftime_now. Values behave as Python's. Time, memory and depth are bounded.
 * @throws TemplateError when it is not Jinja; rendering throws one too: for what the template raises, what Python would
 * raise, what is not supported, and what takes too much.
 */
export function compile(template: string): Render {
  const statements = parse(template, { filters: new Set(filters.keys()), tests: new Set(tests.keys()) });
  return (variables, now = new Date()) => {
    const work = new Work(units);
    const scope = new Scope();
    for (const [name, value] of globalsOf(work, now)) scope.set(name, value);
    const context = new Scope(scope);
    for (const [name, value] of Object.entries(variables)) context.set(name, fromJson(value, work));
    return new Interpreter(work).render(statements, new Scope(context));
  };
}
