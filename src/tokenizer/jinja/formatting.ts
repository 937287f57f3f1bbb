import { fixedText, floatText, parsedInt } from './numbers.ts';
import { characters, numberOf, textOf, typeOf, type Value } from './values.ts';
import { TemplateError, unsupported, type Work } from './work.ts';

const specification = /^(?:(.)?([<>=^]))?([-+ ])?(z)?(#)?(0)?(\d*)([_,])?(?:\.(\d+))?([a-zA-Z%])?$/su;
const widest = 100_000;

/** format(value, specification): numbers and texts as '{:>8.2f}' asks for. @throws TemplateError when it does not fit. */
export function formatted(value: Value, spec: string, printed: string, work: Work): string {
  if (spec === '') return printed;
  const parts = specification.exec(spec);
  if (!parts) throw new TemplateError(`'${spec}' is no format`);
  const [, fill, align, sign, z, alternate, zero, width = '', group, precision, kind] = parts;
  if (z) throw unsupported(`the format '${spec}'`);
  if (Number(width) > widest || Number(precision ?? 0) > widest) throw unsupported(`the format '${spec}'`);
  const text = textOf(value);
  const number = numberOf(value);
  const isBool = typeof value === 'boolean' && kind === undefined;
  if (text === undefined && number === undefined) {
    throw new TemplateError(`unsupported format string passed to ${typeOf(value)}.__format__`);
  }
  if (isBool) throw unsupported('a bool in a format with a width');
  const style = { fill: fill ?? (zero ? '0' : ' '), width: Number(width) };
  if (text !== undefined) {
    if ((kind !== undefined && kind !== 's') || sign || alternate || group || align === '=' || (zero && !align)) {
      throw new TemplateError(`'${spec}' is no format for a str`);
    }
    const cut = precision === undefined ? text : characters(text).slice(0, Number(precision)).join('');
    return aligned('', cut, { ...style, align: align ?? '<' }, work);
  }
  const digits = digitsOf(number as bigint | number, { kind, precision, group, alternate: alternate !== undefined });
  const minus = digits.startsWith('-');
  const prefix = minus ? '-' : sign === '+' || sign === ' ' ? sign : '';
  if (zero && group) throw unsupported(`the format '${spec}'`);
  return aligned(prefix, minus ? digits.slice(1) : digits, { ...style, align: align ?? (zero ? '=' : '>') }, work);
}

function aligned(
  sign: string,
  text: string,
  { fill, width, align }: { fill: string; width: number; align: string },
  work: Work,
): string {
  const room = Math.max(0, width - characters(text).length - sign.length);
  work.spend(room + text.length);
  if (align === '=') return sign + fill.repeat(room) + text;
  const before = align === '<' ? 0 : align === '>' ? room : Math.floor(room / 2);
  return fill.repeat(before) + sign + text + fill.repeat(room - before);
}

interface Digits {
  readonly kind: string | undefined;
  readonly precision: string | undefined;
  readonly group: string | undefined;
  readonly alternate: boolean;
}

const bases: Readonly<Record<string, number>> = { b: 2, o: 8, x: 16, X: 16, d: 10 };

function digitsOf(number: bigint | number, { kind, precision, group, alternate }: Digits): string {
  const base = typeof number === 'bigint' ? bases[kind ?? 'd'] : undefined;
  if (base !== undefined) {
    if (precision !== undefined) throw new TemplateError('precision not allowed in integer format specifier');
    const magnitude = (number < 0 ? -(number as bigint) : number).toString(base);
    const digits = kind === 'X' ? magnitude.toUpperCase() : magnitude;
    const prefix = alternate && base !== 10 ? `0${kind}` : '';
    if (group && base !== 10) throw unsupported('digits in groups but for base 10');
    return (number < 0 ? '-' : '') + prefix + grouped(digits, group);
  }
  if (alternate) throw unsupported("'#' in the format of a float");
  const value = Number(number);
  if (typeof number === 'bigint' && kind !== undefined && !'eEfFgG%'.includes(kind)) {
    throw new TemplateError(`unknown format code '${kind}' for an int`);
  }
  if (!Number.isFinite(value))
    return kind === undefined || 'efg%'.includes(kind)
      ? floatText(value) + (kind === '%' ? '%' : '')
      : unknownKind(kind);
  switch (kind) {
    case 'f':
    case 'F':
      return pointed(fixedText(value, Number(precision ?? 6)), group);
    case '%':
      return `${pointed(fixedText(value * 100, Number(precision ?? 6)), group)}%`;
    case 'e':
    case 'E':
      return exponential(value, Number(precision ?? 6), kind);
    case 'g':
    case 'G':
      return general(value, Number(precision ?? 6), kind, group);
    case undefined:
      if (precision === undefined) return pointed(floatText(value), group);
      throw unsupported('a precision without a kind in the format of a float');
    default:
      return unknownKind(kind);
  }
}

function unknownKind(kind: string): never {
  throw new TemplateError(`unknown format code '${kind}' for a float`);
}

function grouped(digits: string, separator: string | undefined): string {
  return separator ? digits.replace(/\B(?=(\d{3})+$)/g, separator) : digits;
}

function pointed(text: string, separator: string | undefined): string {
  const [, sign = '', whole = '', rest = ''] = /^(-?)(\d+)(.*)$/.exec(text) ?? [];
  return sign + grouped(whole, separator) + rest;
}

function exponential(value: number, digits: number, kind: string): string {
  if (digits > 100) throw unsupported('a precision above 100');
  const [mantissa = '', power = ''] = exactExponential(value, digits).split('e');
  const exponent = `${power.startsWith('-') ? '-' : '+'}${power.replace(/^[-+]/, '').padStart(2, '0')}`;
  return `${mantissa}${kind}${exponent}`;
}

/** toExponential with ties to even. */
function exactExponential(value: number, digits: number): string {
  if (value === 0) return `${Object.is(value, -0) ? '-' : ''}${(0).toFixed(digits)}e0`;
  const guess = Number(value.toExponential().split('e')[1]);
  const at = (exponent: number) => fixedDigits(value, digits - exponent);
  const digitsNow = at(guess);
  const exponent = digitsNow.replace('-', '').length > digits + 1 ? guess + 1 : guess;
  const text = at(exponent);
  const magnitude = text.replace('-', '');
  const point = digits === 0 ? magnitude : `${magnitude[0]}.${magnitude.slice(1)}`;
  return `${text.startsWith('-') ? '-' : ''}${point}e${exponent}`;
}

/** A value times 10^power, rounded, as digits. */
function fixedDigits(value: number, power: number): string {
  if (power >= 0)
    return fixedText(value, power)
      .replace('.', '')
      .replace(/^(-?)0+(?=\d)/, '$1');
  const whole = fixedText(value, 0);
  const cut = BigInt(whole);
  const unit = 10n ** BigInt(-power);
  const magnitude = cut < 0n ? -cut : cut;
  const twice = 2n * (magnitude % unit);
  const up = twice > unit || (twice === unit && (magnitude / unit) % 2n === 1n) ? 1n : 0n;
  return `${cut < 0n ? '-' : ''}${magnitude / unit + up}`;
}

function general(value: number, precision: number, kind: string, group: string | undefined): string {
  const digits = Math.max(1, precision);
  const exponent = value === 0 ? 0 : Number(exactExponential(value, digits - 1).split('e')[1]);
  const trimmed = (text: string) => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
  if (exponent < -4 || exponent >= digits) {
    const [mantissa = '', power = ''] = exponential(value, digits - 1, 'e').split('e');
    return `${trimmed(mantissa)}${kind === 'G' ? 'E' : 'e'}${power}`;
  }
  return pointed(trimmed(fixedText(value, digits - 1 - exponent)), group);
}

/** One conversion of '%…': what `printed` makes of a value for s, r and a. */
export function converted(value: Value, directive: RegExpExecArray, printed: string, work: Work): string {
  const [, , flags = '', width, precision, kind = ''] = directive;
  if (Number(width ?? 0) > widest || Number(precision ?? 0) > widest) throw unsupported('so wide a format');
  const style = { width: Number(width ?? 0), fill: ' ', align: flags.includes('-') ? '<' : '>' };
  if (kind === 's' || kind === 'r') {
    const cut = precision === undefined ? printed : characters(printed).slice(0, Number(precision)).join('');
    return aligned('', cut, style, work);
  }
  const number = numberOf(value);
  if (kind === 'c') throw unsupported("'%c'");
  if (number === undefined) throw new TemplateError(`%${kind} format: a number is required, not ${typeOf(value)}`);
  const isWhole = 'diuxXo'.includes(kind);
  if (isWhole && typeof number === 'number' && !'diu'.includes(kind)) {
    throw new TemplateError(`%${kind} format: an integer is required, not float`);
  }
  const whole = isWhole && typeof number === 'number' ? (parsedInt(Math.trunc(number).toFixed(0), 10) ?? 0n) : number;
  if (flags.includes('#') || (isWhole && precision !== undefined)) throw unsupported(`the format '${directive[0]}'`);
  const digits = digitsOf(whole, {
    kind: isWhole ? ('diu'.includes(kind) ? 'd' : kind) : kind,
    precision: isWhole ? undefined : precision,
    group: undefined,
    alternate: false,
  });
  const minus = digits.startsWith('-');
  const sign = minus ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
  const zero = flags.includes('0') && !flags.includes('-');
  return aligned(sign, minus ? digits.slice(1) : digits, zero ? { ...style, fill: '0', align: '=' } : style, work);
}
