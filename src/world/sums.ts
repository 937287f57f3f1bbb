export type Sign = '+' | '-';

/**
 * A sum of whole numbers worked out column by column from the ones, carries and borrows as a third number, then the
 * result: `37+58` is `7+8=15 3+5+1=9 so 95`, `52-38` is `12-8=4 5-3-1=1 so 14`. `a - b` is not negative.
 */
export function worked(a: number, sign: Sign, b: number): string {
  const columns = Math.max(String(a).length, String(b).length);
  const steps: string[] = [];
  let carry = 0;
  for (let column = 0; column < columns; column++) {
    const [x, y] = [digit(a, column), digit(b, column)];
    const rest = carry === 1 ? `${sign}1` : '';
    if (sign === '+') {
      const sum = x + y + carry;
      steps.push(`${x}+${y}${rest}=${sum}`);
      carry = sum > 9 ? 1 : 0;
    } else {
      const borrowed = x - y - carry < 0 ? 10 : 0;
      steps.push(`${x + borrowed}-${y}${rest}=${x + borrowed - y - carry}`);
      carry = borrowed > 0 ? 1 : 0;
    }
  }
  return `${steps.join(' ')} so ${result(a, sign, b)}`;
}

export function result(a: number, sign: Sign, b: number): number {
  return sign === '+' ? a + b : a - b;
}

function digit(value: number, column: number): number {
  return Math.floor(value / 10 ** column) % 10;
}
