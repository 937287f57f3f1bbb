import type { Value } from './values.ts';

/** Variables, and those around them. */
export class Scope {
  private readonly variables = new Map<string, Value>();

  constructor(private readonly around?: Scope) {}

  get(name: string): Value | undefined {
    for (let scope: Scope | undefined = this; scope; scope = scope.around) {
      const value = scope.variables.get(name);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  set(name: string, value: Value): this {
    this.variables.set(name, value);
    return this;
  }
}
