/** A label beside a point of a picture, in pixels. */
export interface PlacedLabel {
  readonly side: Side;
  readonly index: number;
}

export type Side = 'right' | 'left' | 'above' | 'below';

interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

const distance = 7; // from the middle of the point to its label
const height = 13;

/**
 * For each point in turn the first side on which its label touches no other point, no label before it, and no edge
 * of a picture of `width` x `height`; a point whose label fits nowhere goes without.
 */
export function placeLabels(
  points: readonly { readonly x: number; readonly y: number; readonly width: number }[],
  frame: Box,
): PlacedLabel[] {
  const taken: Box[] = points.map(({ x, y }) => ({ left: x - 3, right: x + 3, top: y - 3, bottom: y + 3 }));
  return points.flatMap((point, index) => {
    const free = (box: Box) => isInside(box, frame) && taken.every((other) => !overlap(box, other));
    const side = sides.find((candidate) => free(boxAt(candidate, point)));
    if (!side) return [];
    taken.push(boxAt(side, point));
    return [{ side, index }];
  });
}

const sides = ['right', 'left', 'above', 'below'] as const;

function boxAt(side: Side, { x, y, width }: { x: number; y: number; width: number }): Box {
  const [middleX, middleY] = {
    right: [x + distance + width / 2, y],
    left: [x - distance - width / 2, y],
    above: [x, y - distance - height / 2],
    below: [x, y + distance + height / 2],
  }[side] as [number, number];
  return {
    left: middleX - width / 2,
    right: middleX + width / 2,
    top: middleY - height / 2,
    bottom: middleY + height / 2,
  };
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

function isInside(box: Box, frame: Box): boolean {
  return box.left >= frame.left && box.right <= frame.right && box.top >= frame.top && box.bottom <= frame.bottom;
}
