import { CriaError, fitsGlob, type Progress } from '../../base/index.ts';
import { type Checkpoint, packingOf, typeForRows, type UniformBits } from '../../checkpoint/index.ts';
import { type Config, layerPrefix, linearNames } from '../../model/index.ts';
import { blockFallback, ggufTypeOf, isGgufScheme, type Quantizer, type Scheme, schemes } from '../schemes/index.ts';
import type { Format, QuantizeOptions } from './options.ts';

/** A matrix that is to be quantized. */
export interface Target {
  /** Its Hugging Face name, with `.weight`. */
  readonly name: string;
  readonly out: number;
  readonly inner: number;
  /** The block that it belongs to; undefined for embedding and head. */
  readonly layer: number | undefined;
  readonly quantizer: Quantizer;
  /** Why its rows are held in another type than was asked for. */
  readonly fallback?: string;
}

/** What a run will do. */
export interface Plan {
  readonly format: Format;
  readonly targets: readonly Target[];
  /** Every matrix that is not quantized. */
  readonly kept: readonly string[];
}

/**
 * Which matrix is quantized how: the linear maps of the blocks by `scheme`, others where `schemeFor` names them.
 * @throws CriaError when a group does not divide a matrix, a scheme lacks the bits, a format cannot hold the scheme, the
 * model is quantized already, or a fallback is needed and not allowed.
 */
export function planOf(checkpoint: Checkpoint, config: Config, options: QuantizeOptions, progress: Progress): Plan {
  const format = formatOf(options);
  const own = schemesFor(options);
  const matrices = [...checkpoint.tensors.values()].filter(({ shape }) => shape.length === 2);
  warnOfUnused(
    [...options.keep, ...own.map(({ glob }) => glob)],
    matrices.map(({ name }) => name),
    progress,
  );

  const linear = linearMaps(config);
  const chosen = matrices.flatMap(({ name, shape }) => {
    const special = own.findLast(({ glob }) => fitsGlob(name, glob));
    const quantized = (special || linear.has(name)) && !options.keep.some((glob) => fitsGlob(name, glob));
    const [out, inner] = shape as readonly [number, number];
    const scheme = special?.scheme ?? options.scheme;
    return quantized ? [{ name, out, inner, layer: linear.get(name), scheme, special }] : [];
  });
  if (chosen.length === 0) throw new CriaError('no matrix is left to quantize', { where: '--keep' });
  refuseQuantized(
    checkpoint,
    chosen.map(({ name }) => name),
    options,
  );

  const group = usualGroup(chosen, options);
  const targets = chosen.map(({ special, scheme, ...place }): Target => {
    const quantizer = quantizerOf(scheme, place, { ...options, ...special }, group);
    refuseFormat(format, quantizer, place);
    return { ...place, quantizer, ...fallbackOf(scheme, place, options) };
  });
  refuseMixture(format, targets);
  const names = new Set(targets.map(({ name }) => name));
  return { format, targets, kept: matrices.flatMap(({ name }) => (names.has(name) ? [] : [name])) };
}

/** The linear maps of the blocks, with their block. */
export function linearMaps(config: Config): Map<string, number> {
  const layers = Array.from({ length: config.layers }, (_, layer) => layer);
  return new Map(
    layers.flatMap((layer) => linearNames.map((name) => [`${layerPrefix(layer)}${name}.weight`, layer] as const)),
  );
}

function formatOf({ dtype, ...options }: QuantizeOptions): Format {
  const format = formatFor(options);
  if (dtype === undefined || format === 'hf') return format;
  const remedy = 'pass --format hf, or leave it out';
  throw new CriaError(`is the type of decoded weights, and ${format} holds codes`, { where: '--dtype', remedy });
}

function formatFor({ scheme, bits = 4, format, simulate }: Omit<QuantizeOptions, 'dtype'>): Format {
  if (simulate && format !== undefined && format !== 'hf') {
    throw new CriaError(`--simulate writes decoded weights, not ${format}`, { remedy: 'leave one of them out' });
  }
  if (simulate) return 'hf';
  if (format) return format;
  if (isGgufScheme(scheme)) return 'gguf';
  if (bits !== 4 && bits !== 8) return 'hf';
  if (scheme === 'awq' && bits !== 4) return 'hf';
  if (scheme === 'gptq' || scheme === 'awq') return scheme;
  return scheme === 'rtn' ? 'compressed-tensors' : 'hf';
}

interface SpecialScheme {
  readonly glob: string;
  readonly scheme: Scheme;
  readonly bits?: UniformBits;
  readonly group?: number | 'row';
}

/** PATTERN=SCHEME, or PATTERN=SCHEME:BITS:GROUP. */
function schemesFor({ schemeFor }: QuantizeOptions): SpecialScheme[] {
  return schemeFor.map((text) => {
    const at = text.lastIndexOf('=');
    const [name = '', bits, group] = text.slice(at + 1).split(':');
    const scheme = schemes.find((each) => each === name);
    const known = bits === undefined || allBits.some((each) => String(each) === bits);
    const isGroup = group === undefined || group === 'row' || /^[1-9]\d*$/.test(group);
    if (at < 1 || !scheme || !known || !isGroup) {
      const remedy = `write it as PATTERN=SCHEME, or PATTERN=rtn:8:64, with one of ${schemes.join(', ')}`;
      throw new CriaError(`'${text}' does not name a scheme for a pattern`, { where: '--scheme-for', remedy });
    }
    return {
      glob: text.slice(0, at),
      scheme,
      ...(bits !== undefined && { bits: Number(bits) as UniformBits }),
      ...(group !== undefined && { group: group === 'row' ? group : Number(group) }),
    };
  });
}

const allBits: readonly UniformBits[] = [8, 4, 3, 2];

function warnOfUnused(globs: readonly string[], names: readonly string[], progress: Progress): void {
  for (const glob of globs) {
    if (!names.some((name) => fitsGlob(name, glob))) progress.note(`No matrix is called ${glob}.`);
  }
}

/** @throws CriaError when what is to be quantized is quantized already. */
function refuseQuantized(
  { tensors, quantization, path }: Checkpoint,
  names: readonly string[],
  { requantize }: QuantizeOptions,
): void {
  if (requantize) return;
  const types = names.map((name) => tensors.get(name)?.type ?? 'F32').filter((type) => packingOf(type).elements > 1);
  const held = quantization?.scheme ?? (types.length > 0 ? [...new Set(types)].join(' and ').toLowerCase() : undefined);
  if (held === undefined) return;
  const remedy = 'take the float model, or pass --requantize if you mean it';
  throw new CriaError(`is quantized already, by ${held}`, { where: path, remedy });
}

interface Place {
  readonly name: string;
  readonly out: number;
  readonly inner: number;
}

const usualGroups = [128, 64, 32];

/** The largest usual group that divides the inputs of every matrix that is held in groups. */
function usualGroup(
  chosen: readonly (Place & { readonly scheme: Scheme })[],
  { group }: QuantizeOptions,
): number | 'row' {
  const inners = chosen.filter(({ scheme }) => isGrouped(scheme)).map(({ inner }) => inner);
  const usual = usualGroups.find((each) => inners.every((inner) => inner % each === 0));
  if (usual !== undefined || group !== undefined || inners.length === 0) return usual ?? 'row';
  const remedy = 'pass --group row, or a --group that divides them';
  throw new CriaError(`no group of 128, 64 or 32 divides the inputs of every matrix (${[...new Set(inners)]})`, {
    remedy,
  });
}

const isGrouped = (scheme: Scheme): boolean => scheme === 'rtn' || scheme === 'gptq' || scheme === 'awq';

type Numbers = Pick<QuantizeOptions, 'bits' | 'group' | 'asymmetric' | 'nested' | 'actOrder' | 'staticGroups' | 'damp'>;

function quantizerOf(scheme: Scheme, place: Place, options: Numbers, usual: number | 'row'): Quantizer {
  const { bits } = options;
  if (isGgufScheme(scheme)) {
    const own = scheme.slice(1, 2);
    if (bits !== undefined && String(bits) !== own) throw lacksBits(scheme, bits, own);
    if (options.group !== undefined) throw new CriaError(`${scheme} has blocks of its own`, { where: '--group' });
    return { scheme };
  }
  if (scheme === 'int8') {
    if (bits !== undefined && bits !== 8) throw lacksBits(scheme, bits, '8');
    if (options.group !== undefined && options.group !== 'row') {
      throw new CriaError('int8 has one scale a row', { where: '--group', remedy: 'take rtn at 8 bits for groups' });
    }
    return { scheme };
  }
  if (scheme === 'nf4') {
    if (bits !== undefined && bits !== 4) throw lacksBits(scheme, bits, '4');
    return { scheme, block: nf4Block(options.group), nested: options.nested };
  }
  const group = dividing(options.group ?? usual, place);
  const grid = { bits: bits ?? 4, group };
  if (scheme === 'awq') return { scheme, ...grid };
  const { asymmetric, actOrder, staticGroups, damp } = options;
  return scheme === 'rtn'
    ? { scheme, ...grid, asymmetric }
    : { scheme, ...grid, asymmetric, actOrder, staticGroups, damp };
}

const lacksBits = (scheme: Scheme, bits: number, has: string) =>
  new CriaError(`${scheme} has no ${bits} bits`, { where: '--bits', remedy: `it has ${has}` });

/** Blocks of NF4 run through the flattened matrix. */
function nf4Block(group: number | 'row' = 64): number {
  if (group !== 'row' && Number.isInteger(Math.log2(group)) && group >= 32 && group <= 4096) return group;
  const remedy = 'use a power of two from 32 to 4096';
  throw new CriaError(`NF4 has no blocks of ${group}`, { where: '--group', remedy });
}

/** @throws CriaError when a group does not divide a matrix's inputs. */
function dividing(group: number | 'row', { name, inner }: Place): number {
  if (group === 'row') return inner;
  if (inner % group === 0) return group;
  const others = usualGroups.filter((each) => inner % each === 0);
  const remedy = `${others.length > 0 ? `${others.join(', ')} would, or` : 'give'} --group row`;
  throw new CriaError(`its ${inner} inputs are not a multiple of the group size ${group}`, { where: name, remedy });
}

/** What a format holds, in words, and whether it does. */
interface Holding {
  readonly told: string;
  holds(quantizer: Quantizer, place: Place): boolean;
}

const inWords = (bits: number, ...sizes: readonly number[]) => sizes.every((size) => (size * bits) % 32 === 0);

const holdings: Readonly<Record<Format, Holding>> = {
  hf: { told: '', holds: () => true },
  gguf: { told: schemes.filter(isGgufScheme).join(', '), holds: ({ scheme }) => isGgufScheme(scheme) },
  gptq: {
    told: 'gptq at 4 and 8 bits, of whole words of inputs and outputs',
    holds: (own, { out, inner }) => own.scheme === 'gptq' && own.bits >= 4 && inWords(own.bits, out, inner),
  },
  awq: {
    told: 'awq at 4 bits, of 8 outputs in a word',
    holds: (own, { out }) => own.scheme === 'awq' && own.bits === 4 && inWords(4, out),
  },
  'compressed-tensors': {
    told: 'rtn, gptq and awq at 4 and 8 bits, gptq with --act-order only with --static-groups',
    holds: (own, { inner }) => 'bits' in own && own.bits >= 4 && !(isReordered(own) && own.group < inner),
  },
  bitsandbytes: { told: 'nf4', holds: ({ scheme }) => scheme === 'nf4' },
};

const isReordered = (own: Quantizer): boolean => own.scheme === 'gptq' && own.actOrder && !own.staticGroups;

function refuseFormat(format: Format, quantizer: Quantizer, place: Place): void {
  const { told, holds } = holdings[format];
  if (holds(quantizer, place)) return;
  const { scheme } = quantizer;
  const own = 'bits' in quantizer ? `${scheme} at ${quantizer.bits} bits` : scheme;
  const remedy = `it holds ${told}; --format hf holds every scheme, decoded`;
  throw new CriaError(`${format} does not hold ${own}`, { where: place.name, remedy });
}

/** @throws CriaError when a container of one setting for all matrices would hold several, or one that is no linear map. */
function refuseMixture(format: Format, targets: readonly Target[]): void {
  if (format === 'hf' || format === 'gguf') return;
  const end = targets.find(({ layer }) => layer === undefined);
  const remedy = 'take --format hf or a GGUF scheme';
  if (end) throw new CriaError(`${format} holds the linear maps of blocks only`, { where: end.name, remedy });
  if (format === 'compressed-tensors') return;
  const [first] = targets as readonly [Target];
  const other = targets.find((target) => settingOf(target) !== settingOf(first));
  if (other)
    throw new CriaError(`${format} holds all matrices alike, not ${first.name} otherwise`, {
      where: other.name,
      remedy,
    });
}

/** What a container says once for all matrices; the inputs of a row differ between them. */
function settingOf({ quantizer, inner }: Target): string {
  const isRow = 'group' in quantizer && quantizer.group === inner;
  return JSON.stringify({ ...quantizer, ...(isRow && { group: 'row' }) });
}

/** @throws CriaError when rows need another type and `fallback` does not allow it. */
function fallbackOf(scheme: Scheme, { name, inner }: Place, { fallback }: QuantizeOptions): { fallback?: string } {
  if (!isGgufScheme(scheme)) return {};
  const wanted = ggufTypeOf(scheme);
  const reason = blockFallback(wanted, typeForRows(wanted, inner), inner);
  if (reason === undefined) return {};
  if (fallback) return { fallback: reason };
  throw new CriaError(`would be held as ${reason}`, { where: name, remedy: 'leave --no-fallback out, or --keep it' });
}
