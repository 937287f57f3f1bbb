import { byteSize, duration, figure, type Progress, silent } from '../base/index.ts';

/** Where text for a person goes: a terminal, a pipe or a file. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** A Progress that a person sees; `clear` takes its unfinished line off the terminal before other text is written. */
export interface ShownProgress extends Progress {
  clear(): void;
}

interface Step {
  readonly label: string;
  /** When it began, in milliseconds, and what was done by then (a resumed step begins late). */
  readonly begun: number;
  readonly first: number;
  readonly done: number;
  readonly total: number | undefined;
  readonly unit: string;
  readonly detail: string | undefined;
}

const redrawMs = 100;
const lineMs = 10_000;

/**
 * Progress on `output`: one line that is rewritten on a terminal, elsewhere a line every ten seconds at most, and
 * nothing when `quiet`. `now` is a clock in milliseconds.
 */
export function showProgress(output: Output, quiet: boolean, now = () => performance.now()): ShownProgress {
  if (quiet) return { ...silent, clear() {} };
  return output.isTTY ? onTerminal(output, now) : asLines(output, now);
}

function onTerminal(output: Output, now: () => number): ShownProgress {
  let step: Step | undefined;
  let drawn = -Infinity;
  const clear = () => {
    if (drawn > -Infinity) output.write('\r\x1b[K');
    drawn = -Infinity;
  };
  return {
    clear,
    step(label, done, total, unit, detail) {
      step = advance(step, { label, done, total, unit, detail }, now());
      const finished = done === total;
      if (!finished && now() - drawn < redrawMs) return;
      output.write(`\r\x1b[K${describe(step, now()).slice(0, (output.columns || 80) - 1)}${finished ? '\n' : ''}`);
      drawn = finished ? -Infinity : now();
    },
    note(sentence) {
      clear();
      output.write(`${sentence}\n`);
    },
  };
}

function asLines(output: Output, now: () => number): ShownProgress {
  let step: Step | undefined;
  let written = now();
  return {
    clear() {},
    step(label, done, total, unit, detail) {
      step = advance(step, { label, done, total, unit, detail }, now());
      if (now() - written < lineMs) return;
      output.write(`${describe(step, now())}\n`);
      written = now();
    },
    note(sentence) {
      output.write(`${sentence}\n`);
    },
  };
}

/** The step after a report: the same one further on, or a new one when the label changed or it began again. */
function advance(step: Step | undefined, report: Omit<Step, 'begun' | 'first'>, now: number): Step {
  const goesOn = step !== undefined && step.label === report.label && step.done <= report.done;
  return goesOn ? { ...step, ...report } : { ...report, begun: now, first: report.done };
}

/** `label 45/100 batches, 3.1 batches/s, 18s left`; the last report tells the time taken instead. */
function describe({ label, begun, first, done, total, unit, detail }: Step, now: number): string {
  const [value, name] = unit === 'bytes' ? [byteSize, ''] : [figure, ` ${unit}`];
  const seconds = (now - begun) / 1000;
  const perSecond = seconds > 0 ? (done - first) / seconds : 0;
  const parts = [`${label} ${value(done)}${total === undefined ? '' : `/${value(total)}`}${name}`];
  if (perSecond > 0) {
    parts.push(`${value(perSecond)}${name}/s`);
    if (done === total) parts.push(duration(seconds));
    else if (total !== undefined) parts.push(`${duration((total - done) / perSecond)} left`);
  }
  if (detail !== undefined) parts.push(detail);
  return parts.join(', ');
}
