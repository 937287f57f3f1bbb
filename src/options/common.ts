import { argument, choice, flag, integer, repeated, text } from './options.ts';

/** What every verb takes. */
export const commonOptions = {
  seed: integer('random seed', { default: 0, min: 0 }),
  threads: integer('CPU threads (default: all cores)', { min: 1, max: 1024 }),
  json: flag('print one JSON object to stdout'),
  quiet: flag('do not show progress'),
};

export const modelArgument = argument(
  'a folder in the Hugging Face layout, a .gguf file, a hub id (org/name), or cria-tiny',
);

export const forceOption = flag('replace an existing output');

export const resumeOption = flag('continue an interrupted run');

export const weightsOption = choice(['auto', 'f32', 'q8', 'q4'], 'precision of the weights in memory', 'auto');

export const bosOption = choice(
  ['auto', 'always', 'never'],
  'begin every window with the beginning-of-text token (auto: as the tokenizer asks)',
  'auto',
);

export const adapterOption = repeated(
  text('a PEFT adapter folder to apply: LoRA, prompt or prefix; repeatable', { placeholder: 'folder' }),
);

export const templateOption = text("a Jinja chat template to use instead of the model's", {
  placeholder: 'file',
});

export const columnsOption = text('map column names of the data, for example prompt=goal,completion=target', {
  placeholder: 'pairs',
});
