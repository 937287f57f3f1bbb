import { readFileSync } from 'node:fs';
import { type Command, Option as CommanderOption, Command as Program } from 'commander';
import { CriaError } from '../base/index.ts';
import type { Argument, Option, Options, OptionValues, Verb, VerbEntry } from '../options/index.ts';
import { commonOptions } from '../options/index.ts';

/** A verb with the values that a command line gave it. */
export interface Call {
  readonly verb: Verb;
  readonly args: Readonly<Record<string, unknown>>;
  readonly options: OptionValues<typeof commonOptions> & Readonly<Record<string, unknown>>;
}

/**
 * What a command line asks for. Only the verb that it names is loaded.
 * @throws CommanderError for help and version (exit code 0) and for words that no verb takes, CriaError for a value
 * that an option does not take.
 */
export async function parse(
  argv: readonly string[],
  entries: readonly VerbEntry[],
  write: (text: string) => void,
): Promise<Call> {
  const [first = '--help', ...rest] = named(argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv, entries);
  const known = first.startsWith('-') || entries.some(({ name }) => name === first);
  if (!known) refuseHalf(first, entries);
  const words = known ? [first, ...rest] : [first];
  const program = new Program('cria')
    .description('Run, measure, train and compress language models.')
    .version(version());
  program
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeOut: write, writeErr() {}, outputError() {} });
  program.addHelpText('after', '\nRun cria VERB --help for the options of a verb.');

  let call: Call | undefined;
  for (const entry of entries) {
    const command = new Program(entry.name).copyInheritedSettings(program).description(entry.summary);
    program.addCommand(command);
    if (entry.name !== first) continue;
    const { verb } = await entry.load();
    declare(command, verb);
    command.action(() => {
      call = { verb, ...valuesOf(command, verb) };
    });
  }
  await program.parseAsync(words, { from: 'user' });
  if (!call) throw new Error(`nothing was called by '${words.join(' ')}'`);
  return call;
}

/** The words with those of a verb's name as one: verbs may have names of two words, as `lens apply`. */
function named(words: readonly string[], entries: readonly VerbEntry[]): readonly string[] {
  const two = words.slice(0, 2).join(' ');
  return words.length > 1 && entries.some(({ name }) => name === two) ? [two, ...words.slice(2)] : words;
}

/** @throws CriaError for the first word alone of verbs whose names have two. */
function refuseHalf(word: string, entries: readonly VerbEntry[]): void {
  const whole = entries.filter(({ name }) => name.startsWith(`${word} `)).map(({ name }) => `cria ${name}`);
  if (whole.length > 0) throw new CriaError('needs a subcommand', { where: word, remedy: `use ${whole.join(' or ')}` });
}

const everyVerb = 'Common options:';

function declare(command: Command, verb: Verb): void {
  for (const [name, argument] of Object.entries(verb.arguments)) {
    command.argument(argumentSyntax(name, argument), argument.summary);
  }
  declareOptions(command, verb.options, 'Options:');
  declareOptions(command, commonOptions, everyVerb);
  command.addHelpOption(new CommanderOption('-h, --help', 'show this help').helpGroup(everyVerb));
  const examples = (verb.examples ?? []).map((line) => `\n  cria ${line}`);
  if (examples.length > 0) command.addHelpText('after', `\nExamples:${examples.join('')}`);
}

function declareOptions(command: Command, options: Options, heading: string): void {
  for (const [name, option] of Object.entries(options)) command.addOption(declared(name, option).helpGroup(heading));
}

function declared(name: string, option: Option<unknown>): CommanderOption {
  const { placeholder, summary, fallback, variadic } = option;
  if (placeholder === undefined) return new CommanderOption(`--${fallback ? 'no-' : ''}${kebab(name)}`, summary);
  const where = `--${kebab(name)}`;
  const shown = fallback === undefined || Array.isArray(fallback) ? '' : ` (default: ${fallback})`;
  return new CommanderOption(`${where} <${placeholder}${variadic ? '...' : ''}>`, summary + shown).argParser(
    (text, previous: unknown) => option.read(text, where, previous),
  );
}

function argumentSyntax(name: string, { count }: Argument<unknown>): string {
  if (count === 'optional') return `[${kebab(name)}]`;
  if (count === 'any') return `[${kebab(name)}...]`;
  return count === 'many' ? `<${kebab(name)}...>` : `<${kebab(name)}>`;
}

function valuesOf(command: Command, verb: Verb): Omit<Call, 'verb'> {
  const given: Record<string, unknown> = command.opts();
  const args = Object.keys(verb.arguments).map((name, i) => [name, command.processedArgs[i]]);
  const options = Object.entries({ ...verb.options, ...commonOptions }).map(([name, option]) => [
    name,
    given[name] ?? option.fallback,
  ]);
  return { args: Object.fromEntries(args), options: Object.fromEntries(options) as Call['options'] };
}

function kebab(camel: string): string {
  return camel.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
}
