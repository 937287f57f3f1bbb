/**
 * The volume that points dominate below a reference point, every objective minimised: exact, by sweeping the last
 * objective and slicing (two objectives: a staircase). Points that are not better than the reference in every
 * objective add nothing. Meant for two to four objectives. (Zitzler and Thiele 1999)
 *
 * @param points each as long as `reference`.
 */
export function hypervolume(points: readonly (readonly number[])[], reference: readonly number[]): number {
  return sweep(
    points.filter((point) => reference.every((limit, i) => (point[i] as number) < limit)),
    reference,
  );
}

/** For each point whether another one is at least as good in every objective and better in one (minimised). */
export function dominated(points: readonly (readonly number[])[]): boolean[] {
  return points.map((point) => points.some((other) => dominates(other, point)));
}

function dominates(a: readonly number[], b: readonly number[]): boolean {
  return a.every((value, i) => value <= (b[i] as number)) && a.some((value, i) => value < (b[i] as number));
}

function sweep(points: readonly (readonly number[])[], reference: readonly number[]): number {
  const last = reference.length - 1;
  const limit = reference[last] as number;
  if (points.length === 0) return 0;
  if (last === 0) return limit - Math.min(...points.map((point) => point[0] as number));
  const sorted = points.toSorted((a, b) => (a[last] as number) - (b[last] as number));
  const rest = reference.slice(0, last);
  let front: (readonly number[])[] = [];
  let volume = 0;
  sorted.forEach((point, i) => {
    const slice = point.slice(0, last);
    if (!front.some((other) => other.every((value, j) => value <= (slice[j] as number)))) {
      front = [...front.filter((other) => !dominates(slice, other)), slice];
    }
    const thickness = ((sorted[i + 1]?.[last] ?? limit) as number) - (point[last] as number);
    if (thickness > 0) volume += thickness * sweep(front, rest);
  });
  return volume;
}
