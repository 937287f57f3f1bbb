import { expect, test } from 'vitest';
import { CriaError, messageOf, throwIfAborted } from './errors.ts';

test('an error is one sentence: where, what, and what to do', () => {
  const error = new CriaError('has no rows', { where: 'data.csv', remedy: 'use another file' });
  expect(error.message).toBe('data.csv: has no rows (use another file)');
  expect(error.kind).toBe('input');
  expect(new CriaError('failed', { kind: 'failure' }).message).toBe('failed');
});

test('anything thrown has a message, and an aborted signal throws its reason', () => {
  expect(messageOf(new Error('x'))).toBe('x');
  expect(messageOf('y')).toBe('y');
  expect(() => throwIfAborted(undefined)).not.toThrow();
  expect(() => throwIfAborted(AbortSignal.abort(new Error('stopped')))).toThrow('stopped');
});
