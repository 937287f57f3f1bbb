/** Expressions of a template, as the parser makes them. */
export type Expression =
  | { readonly kind: 'constant'; readonly value: null | boolean | bigint | number | string }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'list' | 'tuple'; readonly items: readonly Expression[] }
  | { readonly kind: 'dict'; readonly entries: readonly (readonly [Expression, Expression])[] }
  | { readonly kind: 'attribute'; readonly object: Expression; readonly name: string }
  | { readonly kind: 'item'; readonly object: Expression; readonly index: Expression }
  | { readonly kind: 'slice'; readonly object: Expression; readonly bounds: readonly (Expression | undefined)[] }
  | { readonly kind: 'call'; readonly callee: Expression; readonly given: Given }
  | Filter
  | { readonly kind: 'test'; readonly value: Expression; readonly name: string; readonly given: Given }
  | { readonly kind: 'unary'; readonly operator: '-' | '+' | 'not'; readonly operand: Expression }
  | { readonly kind: 'binary'; readonly operator: string; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'concat'; readonly parts: readonly Expression[] }
  | { readonly kind: 'compare'; readonly first: Expression; readonly rest: readonly (readonly [string, Expression])[] }
  | {
      readonly kind: 'choice';
      readonly test: Expression;
      readonly then: Expression;
      readonly otherwise: Expression | undefined;
    };

/** What a filter is applied to is undefined in `{% filter %}`: what the block writes. */
export interface Filter {
  readonly kind: 'filter';
  readonly value: Expression | undefined;
  readonly name: string;
  readonly given: Given;
}

/** The arguments of a call: `f(a, b=c, *d, **e)`. */
export interface Given {
  readonly positional: readonly Expression[];
  readonly named: readonly (readonly [string, Expression])[];
  readonly list: Expression | undefined;
  readonly dict: Expression | undefined;
}

export type Target =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'member'; readonly object: string; readonly name: string }
  | { readonly kind: 'tuple'; readonly items: readonly Target[] };

/** A macro, or the block that is given to one as `caller`. */
export interface Signature {
  readonly parameters: readonly { readonly name: string; readonly fallback: Expression | undefined }[];
  readonly body: readonly Statement[];
  /** Which of `caller`, `kwargs` and `varargs` the body reads without setting it. */
  readonly reads: ReadonlySet<string>;
}

export interface Loop {
  readonly kind: 'for';
  readonly target: Target;
  readonly over: Expression;
  readonly test: Expression | undefined;
  readonly recursive: boolean;
  readonly body: readonly Statement[];
  readonly otherwise: readonly Statement[];
}

export type Statement =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly value: Expression }
  | Loop
  | {
      readonly kind: 'if';
      readonly branches: readonly (readonly [Expression, readonly Statement[]])[];
      readonly otherwise: readonly Statement[];
    }
  | { readonly kind: 'set'; readonly target: Target; readonly value: Expression }
  | {
      readonly kind: 'set-block';
      readonly target: Target;
      readonly filter: Filter | undefined;
      readonly body: readonly Statement[];
    }
  | {
      readonly kind: 'with';
      readonly values: readonly (readonly [Target, Expression])[];
      readonly body: readonly Statement[];
    }
  | { readonly kind: 'macro'; readonly name: string; readonly signature: Signature }
  | {
      readonly kind: 'call-block';
      readonly call: Expression & { readonly kind: 'call' };
      readonly signature: Signature;
    }
  | { readonly kind: 'filter-block'; readonly filter: Filter; readonly body: readonly Statement[] }
  | { readonly kind: 'generation'; readonly body: readonly Statement[] }
  | { readonly kind: 'break' | 'continue' };
