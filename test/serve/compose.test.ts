import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { verb } from '../../src/verbs/serve.ts';

test('the Compose file runs vLLM, and serve with options that it has in front of it', () => {
  const { services, secrets } = parse(
    readFileSync(resolve(import.meta.dirname, '../../examples/compose.yaml'), 'utf8'),
  );
  expect(services.vllm.image).toMatch(/^vllm\/vllm-openai:/);
  const { command, environment } = services.cria;
  expect(command.slice(0, 3)).toEqual(['node', 'dist/cli/main.js', 'serve']);
  const given = Object.fromEntries(
    Array.from({ length: (command.length - 3) / 2 }, (_, i) => command.slice(3 + 2 * i, 5 + 2 * i)),
  );
  const flags = Object.keys(verb.options).map(
    (name) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
  );
  for (const flag of Object.keys(given)) expect(flags).toContain(flag);
  expect(given['--backend']).toBe('http://vllm:8000');
  expect(Object.keys(environment)).toContain(given['--backend-key-env']);
  expect(given['--api-key-file']).toBe(`/run/secrets/${Object.keys(secrets)[0]}`);
});
