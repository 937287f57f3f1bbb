/** A template that is wrong, raises, does something that is not supported, or takes too much. */
export class TemplateError extends Error {}

export function unsupported(what: string): TemplateError {
  return new TemplateError(`${what} is not supported`);
}

const deepest = 400; // nested expressions, statements, calls and values: each takes a few frames of the stack

/**
 * What one rendering may still do. Every step, and every character or item that it writes or looks at, is a unit: time
 * and memory are bounded by their number, and the stack by the depth.
 */
export class Work {
  private left: number;
  private depth = 0;

  constructor(units: number) {
    this.left = units;
  }

  /** Adds units, for what is given to the template. */
  allow(units: number): void {
    this.left += units;
  }

  /** @throws TemplateError when it was the last unit. */
  spend(units: number): void {
    this.left -= units;
    if (!(this.left >= 0)) throw new TemplateError('it takes too long or writes too much');
  }

  /** Runs an action one level deeper. @throws TemplateError when that is too deep. */
  deeper<T>(action: () => T): T {
    this.spend(1);
    if (++this.depth > deepest) throw new TemplateError('it is nested too deeply');
    try {
      return action();
    } finally {
      this.depth--;
    }
  }
}
