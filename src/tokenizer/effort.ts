/** What a part of a regular expression can cost at one place of a text, for a matcher that goes back to try again. */
interface Effort {
  /** Steps until it has matched in one way, or failed. */
  readonly first: number;
  /** Steps until every way has been tried, as happens when what follows fails. */
  readonly all: number;
  /** In how many ways it may match. */
  readonly ways: number;
  readonly canFail: boolean;
}

/** A group that is open. */
interface Group {
  readonly opener: string;
  /** The alternatives that ended. */
  before: Effort | undefined;
  /** The one that has not, but for its last item, which a quantifier may still change. */
  sequence: Effort;
  item: Effort;
}

/** How many characters `*` is taken to find. */
const many = 1000;
/** The costliest pattern in use takes 22 steps for each of them; one `*` inside another's choices takes 1000. */
const mostSteps = 50 * many;

const nothing: Effort = { first: 0, all: 0, ways: 1, canFail: false };
const character: Effort = { first: 1, all: 1, ways: 1, canFail: true };

/** A class, an escape, the start of a group, a quantifier, or any character. */
const lexeme =
  /\[(?:\\.|[^\\\]])*\]|\\(?:[pPu]\{\w+(?:=\w+)?\}|u[\dA-Fa-f]{4}|x[\dA-Fa-f]{2}|.)|\(\?(?:<?[=!]|:)|(?:[*+?]|\{\d+(?:,\d*)?\})\??|./gsu;

/**
 * Refuses a JavaScript pattern (a valid one, without captures and back references) whose time may grow faster than the
 * square of the text. Steps are counted as if every choice were possible and what follows failed at its end.
 * @throws Error that says what is refused.
 */
export function checkEffort(pattern: string): void {
  const whole = opened('');
  const open = [whole];
  for (const [token] of pattern.matchAll(lexeme)) {
    const group = open.at(-1) as Group;
    if (token.startsWith('(')) open.push(opened(token));
    else if (token === ')') {
      open.pop();
      append(open.at(-1) as Group, closed(group));
    } else if (token === '|') Object.assign(group, { before: effortOf(group), sequence: nothing, item: nothing });
    else if (/^[*+?{]/.test(token)) repeat(group, token);
    else append(group, character);
  }
  const isCheap = effortOf(whole).first <= mostSteps; // false for NaN too
  if (!isCheap) throw new Error('matching it may take too long (catastrophic backtracking)');
}

function opened(opener: string): Group {
  return { opener, before: undefined, sequence: nothing, item: nothing };
}

function append(group: Group, item: Effort): void {
  group.sequence = then(group.sequence, group.item);
  group.item = item;
}

/** `x{2,5}` is two that are needed, and three that are not. */
function repeat(group: Group, quantifier: string): void {
  const { item } = group;
  const [least, most] = boundsOf(quantifier);
  if (item.ways > 1 && most > 1) throw new Error('a repeated group with choices or repeats inside');
  group.item = least > 0 ? { ...item, first: least * item.first, all: least * item.all } : nothing;
  const more = most - least;
  append(group, { first: more * item.first, all: more * item.all, ways: more * item.ways + 1, canFail: false });
}

function boundsOf(quantifier: string): readonly [least: number, most: number] {
  if (quantifier[0] === '?') return [0, 1];
  if (quantifier[0] === '*') return [0, many];
  if (quantifier[0] === '+') return [1, many];
  const [, least = '', comma, most] = /^\{(\d+)(,?)(\d*)/.exec(quantifier) ?? [];
  if (!comma) return [Number(least), Number(least)];
  return [Number(least), most ? Number(most) : Math.max(Number(least), many)];
}

/** A group as one item. What a look around has seen is not looked at again. */
function closed(group: Group): Effort {
  const inside = effortOf(group);
  if (group.opener === '(?:') return inside;
  const isBackwards = group.opener.startsWith('(?<'); // its last item comes first: what came cheaply may be dear
  const steps = isBackwards ? inside.ways * inside.all : inside.first;
  return { first: steps, all: steps, ways: 1, canFail: true };
}

function effortOf({ before, sequence, item }: Group): Effort {
  const last = then(sequence, item);
  return before ? or(before, last) : last;
}

/** While the second fails, it is tried after every way of the first. */
function then(a: Effort, b: Effort): Effort {
  const all = a.all + a.ways * b.all;
  return { first: b.canFail ? all : a.first + b.first, all, ways: a.ways * b.ways, canFail: a.canFail || b.canFail };
}

function or(a: Effort, b: Effort): Effort {
  return {
    first: a.first + b.first,
    all: a.all + b.all,
    ways: a.ways + b.ways,
    canFail: a.canFail && b.canFail,
  };
}
