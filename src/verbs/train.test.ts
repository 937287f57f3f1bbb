import { expect, test } from 'vitest';
import { trainDefaults } from '../train/index.ts';
import { verb } from './train.ts';

const names: Readonly<Record<string, string>> = { rate: 'lr', rankStabilized: 'rslora' };
const elsewhere = ['targets', 'seed']; // a list is one text on the command line, and all verbs have the same seed

test('the command line and the library have the same defaults', () => {
  const options: Readonly<Record<string, { readonly fallback: unknown }>> = verb.options;
  const compared = Object.entries(trainDefaults).filter(([name]) => !elsewhere.includes(name));
  expect(compared.length).toBeGreaterThan(15);
  for (const [name, value] of compared) expect(options[names[name] ?? name]?.fallback, name).toBe(value);
});
