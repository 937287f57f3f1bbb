import { converted } from './formatting.ts';
import { print, repr } from './print.ts';
import { Dict, Range, Tuple, Undefined, type Value } from './values.ts';
import { TemplateError, unsupported, type Work } from './work.ts';

const directive = /%(?:\(([^)]*)\))?([-+ #0]*)(\d+)?(?:\.(\d*))?[hlL]?(.)/gsy;

/** `text % values`: one value, a tuple of them, or a dict of names. @throws TemplateError when they do not fit. */
export function printf(text: string, given: Value, work: Work): string {
  const values = given instanceof Tuple ? [...given.items] : [given];
  let used = 0;
  let byName = false;
  let result = '';
  for (let at = 0; at < text.length; ) {
    const next = text.indexOf('%', at);
    if (next < 0) {
      result += text.slice(at);
      break;
    }
    result += text.slice(at, next);
    directive.lastIndex = next;
    const found = directive.exec(text);
    if (!found) throw new TemplateError('incomplete format');
    at = next + found[0].length;
    const [whole, name, , , , kind = ''] = found;
    if (kind === '%') {
      if (whole !== '%%') throw unsupported(`the format '${whole}'`);
      result += '%';
      continue;
    }
    if (!'sriduxXoeEfFgGc'.includes(kind)) throw new TemplateError(`unsupported format character '${kind}'`);
    let value: Value | undefined;
    if (name !== undefined) {
      if (!(given instanceof Dict)) throw new TemplateError('format requires a mapping');
      byName = true;
      value = given.get(name);
      if (value === undefined) throw new TemplateError(`the key '${name}' is missing`);
    } else {
      value = values[used++];
      if (value === undefined) throw new TemplateError('not enough arguments for format string');
    }
    const printed = kind === 's' ? print(value, work) : kind === 'r' ? repr(value, work) : '';
    if (found[4] === '') found[4] = '0'; // '%.f'
    result += converted(value, found, printed, work);
    work.spend(whole.length);
  }
  const isMapping =
    given instanceof Dict || Array.isArray(given) || given instanceof Range || given instanceof Undefined;
  if (!isMapping && !byName && used < values.length) {
    throw new TemplateError('not all arguments converted during string formatting');
  }
  return result;
}
