/** The same function, its calls one after the other: for work that writes over buffers of its own. */
export function serialized<A extends readonly unknown[], R>(
  work: (...given: A) => Promise<R>,
): (...given: A) => Promise<R> {
  let last: Promise<unknown> = Promise.resolve();
  return (...given) => {
    const result = last.then(() => work(...given));
    last = result.catch(() => undefined);
    return result;
  };
}
