import { TemplateError, unsupported } from './work.ts';

const mostBits = 1 << 14; // Python prints 4300 digits at most

/** An int that is not too large to be worked with. */
export function checked(value: bigint): bigint {
  const isLarge = value > limit || value < -limit;
  if (isLarge) throw unsupported('an int of more than 4300 digits');
  return value;
}
const limit = 1n << BigInt(mostBits);

/** repr() of a float. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Object.is(value, -0)) return '-0.0';
  const [digits = '', exponentText = '0'] = value.toExponential().split('e');
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 16) {
    const sign = exponent < 0 ? '-' : '+';
    return `${digits}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  const plain = exponent < 0 ? fixedText(value, digits.replace(/[-.]/g, '').length - 1 - exponent) : String(value);
  return plain.includes('.') ? plain : `${plain}.0`;
}

/** A finite float as a quotient of ints. */
function fraction(value: number): { readonly numerator: bigint; readonly denominator: bigint } {
  let mantissa = value;
  let power = 0;
  while (!Number.isInteger(mantissa)) {
    mantissa *= 2; // exact: only the exponent changes
    power++;
  }
  return { numerator: BigInt(mantissa), denominator: 1n << BigInt(power) };
}

/** The quotient as an int, ties to even. */
function roundedQuotient(numerator: bigint, denominator: bigint): bigint {
  const negative = numerator < 0n;
  const magnitude = negative ? -numerator : numerator;
  let quotient = magnitude / denominator;
  const twice = 2n * (magnitude % denominator);
  if (twice > denominator || (twice === denominator && quotient % 2n === 1n)) quotient++;
  return negative ? -quotient : quotient;
}

/** A finite float times 10^digits, exactly, rounded to an int, ties to even. */
function scaled(value: number, digits: number): bigint {
  const { numerator, denominator } = fraction(value);
  const power = 10n ** BigInt(Math.abs(digits));
  return digits >= 0
    ? roundedQuotient(numerator * power, denominator)
    : roundedQuotient(numerator, denominator * power);
}

/** A finite float with so many digits behind the point, as '%.2f' writes it. */
export function fixedText(value: number, digits: number): string {
  const whole = scaled(value, digits);
  const text = (whole < 0n ? -whole : whole).toString().padStart(digits + 1, '0');
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  return digits === 0 ? sign + text : `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

/** round(): of a float a float, of an int an int. */
export function rounded(value: bigint | number, digits: number): bigint | number {
  if (typeof value === 'bigint') {
    if (digits >= 0) return value;
    if (digits < -4300) return 0n;
    const power = 10n ** BigInt(-digits);
    return roundedQuotient(value, power) * power;
  }
  if (!Number.isFinite(value) || digits > 323) return value;
  if (digits < -308) return value < 0 ? -0 : 0;
  const whole = scaled(value, digits);
  const result = digits >= 0 ? Number(`${whole}e-${digits}`) : Number(whole * 10n ** BigInt(-digits));
  return result === 0 && (value < 0 || Object.is(value, -0)) ? -0 : result;
}

/** int() of a float. @throws TemplateError for infinity and NaN. */
export function truncated(value: number): bigint {
  if (!Number.isFinite(value)) throw new TemplateError(`cannot convert float ${floatText(value)} to integer`);
  return BigInt(Math.trunc(value));
}

const ints: ReadonlyMap<number, RegExp> = new Map([
  [2, /^[-+]?(?:0b_?)?[01](?:_?[01])*$/i],
  [8, /^[-+]?(?:0o_?)?[0-7](?:_?[0-7])*$/i],
  [10, /^[-+]?\d(?:_?\d)*$/],
  [16, /^[-+]?(?:0x_?)?[\da-f](?:_?[\da-f])*$/i],
]);

/** int() of a text, undefined where it is none. @throws TemplateError for other bases than 2, 8, 10 and 16. */
export function parsedInt(text: string, base: number): bigint | undefined {
  const pattern = ints.get(base);
  if (!pattern) throw unsupported(`int with base ${base}`);
  if (text.length > 4300) throw unsupported('an int of more than 4300 digits');
  if (!pattern.test(text)) return undefined;
  const digits = text
    .replace(/^[-+]/, '')
    .replaceAll('_', '')
    .replace(/^0[box](?=.)/i, base === 10 ? '$&' : '');
  const prefix = base === 10 ? '' : base === 2 ? '0b' : base === 8 ? '0o' : '0x';
  const magnitude = BigInt(prefix + digits);
  return text.startsWith('-') ? -magnitude : magnitude;
}

/** float() of a text, undefined where it is none. */
export function parsedFloat(text: string): number | undefined {
  const special = /^([-+]?)(?:(inf(?:inity)?)|nan)$/i.exec(text);
  if (special) return special[2] ? (special[1] === '-' ? -Infinity : Infinity) : Number.NaN;
  const isFloat = /^[-+]?(?:\d(?:_?\d)*(?:\.(?:\d(?:_?\d)*)?)?|\.\d(?:_?\d)*)(?:e[-+]?\d(?:_?\d)*)?$/i.test(text);
  return isFloat ? Number(text.replaceAll('_', '')) : undefined;
}
