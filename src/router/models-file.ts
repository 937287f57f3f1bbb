import { CriaError, messageOf } from '../base/index.ts';
import { readText } from '../data/index.ts';

/** A model of a models file: an OpenAI-compatible address, or a MODEL that cria runs itself. */
export interface RoutedModel {
  readonly id: string;
  readonly role: 'base' | 'guide';
  /** What the endpoint calls it, or a MODEL. */
  readonly model: string;
  readonly baseUrl: string | undefined;
  readonly keyEnv: string | undefined;
  /** Price of a prompt token and of a completion token; units tokens and seconds are counted and measured instead. */
  readonly prices: { readonly input: number; readonly output: number };
  readonly unit: string;
  /** Whether the endpoint gives log-probabilities. */
  readonly logprobs: boolean;
}

const units = ['usd', 'tokens', 'seconds', 'joules'];

/**
 * Reads a models file: YAML, a list of `{id, role, model, base_url, api_key_env, price_in, price_out, unit, logprobs}` or
 * that list under `models`. Without base_url `model` is a MODEL of cria.
 * @throws CriaError when it is not one, or does not name one base and one guide.
 */
export async function readModels(path: string): Promise<readonly [base: RoutedModel, guide: RoutedModel]> {
  const { parse } = await import('yaml');
  let content: unknown;
  try {
    content = parse(readText(path), { maxAliasCount: 0 });
  } catch (error) {
    if (error instanceof CriaError) throw error;
    throw new CriaError(`is not YAML: ${messageOf(error).split('\n')[0]}`, { where: path });
  }
  const list = Array.isArray(content) ? content : (content as { models?: unknown } | null)?.models;
  if (!Array.isArray(list)) throw new CriaError('has no list of models', { where: path, remedy: 'write - id: base …' });
  const models = list.map((entry, i) => modelIn(entry, `${path}: model ${i + 1}`));
  const [base, guide] = [models.filter(({ role }) => role === 'base'), models.filter(({ role }) => role === 'guide')];
  if (base.length !== 1 || guide.length !== 1 || !base[0] || !guide[0]) {
    const what = `names ${base.length} models with the role base and ${guide.length} with the role guide`;
    throw new CriaError(what, { where: path, remedy: 'name one of each' });
  }
  if (base[0].unit !== guide[0].unit) {
    throw new CriaError(`counts in ${base[0].unit} and in ${guide[0].unit}`, {
      where: path,
      remedy: 'use both one unit',
    });
  }
  return [base[0], guide[0]];
}

function modelIn(entry: unknown, where: string): RoutedModel {
  if (typeof entry !== 'object' || entry === null) throw new CriaError('is not a model', { where });
  const fields = entry as Readonly<Record<string, unknown>>;
  const text = (name: string): string | undefined => {
    const value = fields[name];
    if (value === undefined || typeof value === 'string') return value;
    throw new CriaError(`${name} is not a text`, { where });
  };
  const price = (name: string): number => {
    const value = fields[name] ?? 0;
    if (typeof value === 'number' && value >= 0 && Number.isFinite(value)) return value;
    throw new CriaError(`${name} is not a price`, { where, remedy: 'use a number of 0 or more' });
  };
  const [role, model, unit] = [text('role'), text('model'), text('unit') ?? 'usd'];
  if (role !== 'base' && role !== 'guide') {
    throw new CriaError(`its role is ${role ?? 'missing'}`, { where, remedy: 'use base or guide' });
  }
  if (model === undefined) throw new CriaError('has no model', { where });
  if (!units.includes(unit)) throw new CriaError(`its unit is ${unit}`, { where, remedy: `use ${units.join(', ')}` });
  if ('api_key' in fields) {
    throw new CriaError('holds a key', { where, remedy: 'name an environment variable in api_key_env instead' });
  }
  return {
    ...{ id: text('id') ?? model, role, model, unit },
    ...{ baseUrl: text('base_url'), keyEnv: text('api_key_env') },
    prices: { input: price('price_in'), output: price('price_out') },
    logprobs: fields.logprobs !== false,
  };
}
