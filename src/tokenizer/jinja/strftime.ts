import { unsupported } from './work.ts';

const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

/** The days that have passed in the year. */
function dayOfYear(date: Date): number {
  const midnight = (month: number, day: number) => Date.UTC(date.getFullYear(), month, day);
  return Math.round((midnight(date.getMonth(), date.getDate()) - midnight(0, 1)) / 86_400_000);
}

/** Year and week by ISO 8601: weeks begin on Monday, the first one holds a Thursday. */
function isoWeek(date: Date): readonly [year: number, week: number] {
  const thursday = new Date(
    Date.UTC(date.getFullYear(), date.getMonth(), date.getDate() + 3 - ((date.getDay() + 6) % 7)),
  );
  const year = thursday.getUTCFullYear();
  return [year, 1 + Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / 604_800_000)];
}

/** What a directive writes: a number with its usual width and filler, text, or other directives. */
type Directive = (date: Date) => string | { readonly number: number; readonly width: number; readonly fill: string };

const number =
  (value: (date: Date) => number, width = 2, fill = '0'): Directive =>
  (date) => ({ number: value(date), width, fill });

const hour = (date: Date): number => date.getHours() % 12 || 12;

const directives: Readonly<Record<string, Directive | string>> = {
  a: (date) => (days[date.getDay()] as string).slice(0, 3),
  A: (date) => days[date.getDay()] as string,
  b: (date) => (months[date.getMonth()] as string).slice(0, 3),
  h: '%b',
  B: (date) => months[date.getMonth()] as string,
  c: '%a %b %e %H:%M:%S %Y',
  C: number((date) => Math.floor(date.getFullYear() / 100)),
  d: number((date) => date.getDate()),
  D: '%m/%d/%y',
  e: number((date) => date.getDate(), 2, ' '),
  F: '%Y-%m-%d',
  g: number((date) => isoWeek(date)[0] % 100),
  G: number((date) => isoWeek(date)[0], 4),
  H: number((date) => date.getHours()),
  I: number(hour),
  j: number((date) => dayOfYear(date) + 1, 3),
  k: number((date) => date.getHours(), 2, ' '),
  l: number(hour, 2, ' '),
  m: number((date) => date.getMonth() + 1),
  M: number((date) => date.getMinutes()),
  n: () => '\n',
  p: (date) => (date.getHours() < 12 ? 'AM' : 'PM'),
  P: (date) => (date.getHours() < 12 ? 'am' : 'pm'),
  r: '%I:%M:%S %p',
  R: '%H:%M',
  s: number((date) => Math.floor(date.getTime() / 1000), 1),
  S: number((date) => date.getSeconds()),
  t: () => '\t',
  T: '%H:%M:%S',
  u: number((date) => date.getDay() || 7, 1),
  U: number((date) => Math.floor((dayOfYear(date) + 7 - date.getDay()) / 7)),
  V: number((date) => isoWeek(date)[1]),
  w: number((date) => date.getDay(), 1),
  W: number((date) => Math.floor((dayOfYear(date) + 7 - ((date.getDay() + 6) % 7)) / 7)),
  x: '%m/%d/%y',
  X: '%H:%M:%S',
  y: number((date) => date.getFullYear() % 100),
  Y: number((date) => date.getFullYear(), 4),
  z: () => '',
  Z: () => '',
  f: number((date) => date.getMilliseconds() * 1000, 6),
  '%': () => '%',
};

/**
 * A date in the local time zone as strftime writes it in the C locale, with glibc's flags `-` (no filler), `_` (blanks)
 * and `0`. @throws TemplateError for other directives.
 */
export function strftime(date: Date, format: string): string {
  return format.replace(/%([-_0^#]*)(\d*)(.?)/gsu, (whole, flags: string, width: string, letter: string) => {
    const directive = Object.hasOwn(directives, letter) ? directives[letter] : undefined;
    if (directive === undefined || width !== '' || flags.length > 1 || /[\^#]/.test(flags)) {
      throw unsupported(`'${whole}' of strftime_now`);
    }
    if (typeof directive === 'string') {
      if (flags) throw unsupported(`'${whole}' of strftime_now`);
      return strftime(date, directive);
    }
    const value = directive(date);
    if (typeof value === 'string') return flags ? refuse(whole) : value;
    if (letter === 'f' && flags) refuse(whole);
    const fill = flags === '_' ? ' ' : flags === '0' ? '0' : value.fill;
    return flags === '-' ? String(value.number) : String(value.number).padStart(value.width, fill);
  });
}

function refuse(directive: string): never {
  throw unsupported(`'${directive}' of strftime_now`);
}
