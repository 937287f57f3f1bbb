import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { refusalOf, temporaryFolder } from '../../../test/hostile.ts';
import { tinyModel } from '../../../test/train/tiny.ts';
import type { LoadedModel } from '../../model/index.ts';
import { provenanceFor, withGenerator, withModel } from './with-model.ts';

const bare = 'test/goldens/architectures/llama-gqa'; // without a tokenizer

/** Whether the model's files are open still. */
function isOpen({ checkpoint }: LoadedModel): boolean {
  try {
    checkpoint.readFloat32([...checkpoint.tensors.keys()][0] as string);
    return true;
  } catch {
    return false;
  }
}

test('a model is opened as the options ask, and closed behind the work', async () => {
  const opening = { model: bare, weights: 'q8', threads: 1 } as const;
  const used = await withModel(opening, async ({ model }) => {
    expect([model.precision, model.threads, isOpen(model)]).toEqual(['q8', 1, true]);
    return model;
  });
  expect(isOpen(used)).toBe(false);
});

test('it is closed where the work fails, and a tokenizer is asked for only where it is used', async () => {
  let used: LoadedModel | undefined;
  const refused = await refusalOf(() =>
    withModel({ model: bare }, async (opened) => {
      used = opened.model;
      return opened.tokenizer;
    }),
  );
  expect(refused).toContain('tokenizer.json');
  expect(isOpen(used as LoadedModel)).toBe(false);
});

test('a chat template takes the place of the model’s, for verbs that read and that write', async () => {
  const template = join(temporaryFolder(), 'template.jinja');
  writeFileSync(template, '{{ messages[0].content }}!');
  const opening = { model: await tinyModel(), template };
  const asked = [{ role: 'user', content: 'hi' }];
  expect(await withModel(opening, async ({ tokenizer }) => tokenizer.applyChatTemplate(asked))).toBe('hi!');
  const written = withGenerator(opening, async ({ tokenizer, loaded }) => [tokenizer.applyChatTemplate(asked), loaded]);
  const [text, model] = await written;
  expect([text, isOpen(model as LoadedModel)]).toEqual(['hi!', false]);
  expect(await refusalOf(() => withModel({ ...opening, template: 'none.jinja' }, async () => 0))).toContain(
    'none.jinja: does not exist',
  );
});

test('provenance names every model and file that is read, with its hash', async () => {
  const file = join(temporaryFolder(), 'data.txt');
  writeFileSync(file, 'abc');
  const made = await provenanceFor(
    'train',
    bare,
    { rank: 4 },
    { files: [file, undefined], models: [bare, undefined], named: { list: file }, seed: 3 },
  );
  expect(made).toMatchObject({ command: 'train', source: bare, options: { rank: 4 }, seed: 3 });
  expect(Object.keys(made.inputs)).toEqual([bare, file, 'list']);
  expect(made.inputs[file]).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'); // NIST's example
});
