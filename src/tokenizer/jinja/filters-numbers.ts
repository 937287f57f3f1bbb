import { type Builtin, builtin } from './builtin.ts';
import { fixedText, floatText, parsedFloat, parsedInt, rounded, truncated } from './numbers.ts';
import { binary } from './operators.ts';
import { asCount, asFlag } from './signature.ts';
import { strip } from './strings.ts';
import { numberOf, textOf, typeOf, Undefined, type Value } from './values.ts';
import { TemplateError, unsupported } from './work.ts';

/** Filters that make numbers, or text of numbers. */
export const numberFilters: readonly (readonly [string, Builtin])[] = [
  [
    'int',
    builtin('value default= base=', (_, value, otherwise = 0n, base) =>
      toInt(value, otherwise, asCount(base, 10, 'int')),
    ),
  ],
  ['float', builtin('value default=', (_, value, otherwise = 0) => toFloat(value) ?? otherwise)],
  [
    'abs',
    builtin('/ value', (_, value) => {
      const number = numberOf(value);
      if (number === undefined) throw new TemplateError(`bad operand type for abs(): '${typeOf(value)}'`);
      return typeof number === 'number' ? Math.abs(number) : number < 0n ? -number : number;
    }),
  ],
  [
    'round',
    builtin('value precision= method=', ({ work }, value, precision, method = 'common') => {
      if (value instanceof Undefined) throw new TemplateError("type Undefined doesn't define __round__ method");
      const number = numberOf(value);
      if (method !== 'common' && method !== 'ceil' && method !== 'floor') {
        throw new TemplateError('method must be common, ceil or floor');
      }
      if (number === undefined) throw new TemplateError(`type ${typeOf(value)} doesn't define __round__ method`);
      const digits = asCount(precision, 0, 'round');
      if (method === 'common') return rounded(number, digits);
      const power = binary('**', 10n, BigInt(digits), work);
      const scaled = binary('*', number, power, work);
      const whole = typeof scaled === 'number' ? truncated(Math[method](scaled)) : scaled;
      return binary('/', whole, power, work);
    }),
  ],
  [
    'filesizeformat',
    builtin('value binary=', (_, value, binary) => {
      const size = toFloat(value);
      if (size === undefined) throw new TemplateError(`could not convert ${typeOf(value)} to float`);
      return fileSize(size, asFlag(binary));
    }),
  ],
];

const blanksAround = (text: string): string => strip(text, undefined, true, true);

/** As `int()`; what is no int may be a float; else the default. */
function toInt(value: Value, otherwise: Value, base: number): Value {
  if (value instanceof Undefined) value.fail();
  const number = numberOf(value);
  if (typeof number === 'bigint') return number;
  if (number !== undefined) return Number.isFinite(number) ? truncated(number) : infinite(number, otherwise);
  const text = textOf(value);
  if (text === undefined) return otherwise;
  refuseDigits(text);
  const int = parsedInt(blanksAround(text), base);
  if (int !== undefined) return int;
  const float = parsedFloat(blanksAround(text));
  return float !== undefined && Number.isFinite(float) ? truncated(float) : otherwise;
}

/** int(inf) raises what the filter does not catch; NaN is the default. */
function infinite(number: number, otherwise: Value): Value {
  if (Number.isNaN(number)) return otherwise;
  throw new TemplateError(`cannot convert float ${floatText(number)} to integer`);
}

function toFloat(value: Value): number | undefined {
  if (value instanceof Undefined) value.fail();
  const number = numberOf(value);
  if (typeof number === 'bigint') {
    const float = Number(number);
    if (!Number.isFinite(float)) throw new TemplateError('int too large to convert to float');
    return float;
  }
  const text = textOf(value);
  if (text !== undefined) refuseDigits(text);
  return number ?? (text === undefined ? undefined : parsedFloat(blanksAround(text)));
}

function refuseDigits(text: string): void {
  if (/[^\P{Nd}0-9]/u.test(text)) throw unsupported('a number in other digits than 0 to 9');
}

function fileSize(size: number, isBinary: boolean): string {
  const base = isBinary ? 1024 : 1000;
  const prefixes = ['k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'].map((letter) =>
    isBinary ? `${letter.toUpperCase()}iB` : `${letter}B`,
  );
  if (size === 1) return '1 Byte';
  if (size < base) return `${truncated(size)} Bytes`;
  if (!Number.isFinite(size)) throw unsupported("the filter 'filesizeformat' of infinity");
  let unit = base;
  let at = -1;
  do {
    unit *= base;
    at++;
  } while (size >= unit && at < prefixes.length - 1);
  return `${fixedText((base * size) / unit, 1)} ${prefixes[at]}`;
}
