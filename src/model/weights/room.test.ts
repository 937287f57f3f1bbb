import { expect, test } from 'vitest';
import { shortLivedRoom } from './room.ts';

test('arrays of a room do not overlap, are aligned, and are new ones where it is full', () => {
  const room = shortLivedRoom(256);
  const bytes = room.bytes(10).fill(1);
  const floats = room.floats(16).fill(2);
  expect(floats.byteOffset % 64).toBe(0);
  expect(floats.buffer).toBe(bytes.buffer);
  expect([...bytes]).toEqual(Array(10).fill(1));
  expect(room.floats(100).buffer).not.toBe(bytes.buffer);
});

test('a room that is freed holds nothing, and gives new arrays', () => {
  const room = shortLivedRoom(256);
  const bytes = room.bytes(10);
  room.free();
  expect(bytes).toHaveLength(0);
  expect(room.bytes(10)).toEqual(new Uint8Array(10));
});
