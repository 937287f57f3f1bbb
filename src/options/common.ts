import { argument, choice, flag, integer, repeated, text } from './options.ts';

/** What every verb takes. */
export const commonOptions = {
  seed: integer('seed of everything random', { default: 0, min: 0 }),
  threads: integer('processor threads (default: every core)', { min: 1, max: 1024 }),
  json: flag('one JSON object on stdout instead of text'),
  quiet: flag('no progress'),
};

export const modelArgument = argument(
  'a folder in the Hugging Face layout, a .gguf file, a hub id (org/name), or cria-tiny',
);

export const forceOption = flag('replace what stands at the output');

export const resumeOption = flag('continue an interrupted run');

export const weightsOption = choice(['auto', 'f32', 'q8', 'q4'], 'precision that the weights are held in', 'auto');

export const bosOption = choice(
  ['auto', 'always', 'never'],
  'begin every window with the beginning-of-text token (auto: as the tokenizer asks)',
  'auto',
);

export const adapterOption = repeated(
  text('a PEFT folder that is applied to the model: LoRA, prompt or prefix; repeatable', { placeholder: 'folder' }),
);

export const templateOption = text("a chat template (Jinja) that is used instead of the model's", {
  placeholder: 'file',
});

export const columnsOption = text('columns of the data under other names, as in prompt=goal,completion=target', {
  placeholder: 'pairs',
});
