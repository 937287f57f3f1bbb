import { CriaError } from '../base/index.ts';
import { readJson, readText } from '../data/index.ts';
import { adapterOption, defineVerb, flag, modelArgument, modelPath, optionalArgument, text } from '../options/index.ts';

export const verb = defineVerb({
  arguments: { model: modelArgument, text: optionalArgument('the text; with --decode, ids such as "1 2 3"') },
  options: {
    file: text('read the text or the ids from a file', { placeholder: 'file' }),
    batch: text('a JSON file: a list of texts, or of lists of ids', { placeholder: 'file' }),
    decode: flag('from ids to text'),
    adapter: adapterOption,
    special: flag('without the begin and end tokens that the model asks for', true),
  },
  examples: [
    "tokenize model.gguf 'the llama eats'",
    "tokenize model.gguf --decode '5 17 3'",
    'tokenize org/name --file book.txt --json',
  ],
  async run({ args, options, print }) {
    const { file, batch } = options;
    const given = Object.entries({ TEXT: args.text, '--file': file, '--batch': batch }).filter(
      ([, each]) => each !== undefined,
    );
    if (given.length !== 1) {
      const what =
        given.length === 0 ? 'there is no text' : `${given.map(([name]) => name).join(' and ')} are given together`;
      throw new CriaError(what, { remedy: 'give one of TEXT, --file and --batch' });
    }
    const tokenizer = await tokenizerOf(args.model);
    const encode = (given: string) => tokenizer.encode(given, { special: options.special });
    if (batch !== undefined) {
      const rows = listIn(batch);
      if (options.decode) {
        const texts = rows.map((row) => tokenizer.decode(asIds(row)));
        print(texts.map((decoded) => `${decoded}\n`).join(''));
        return { texts };
      }
      const encoded = rows.map((row) => encode(asText(row)));
      print(encoded.map((ids) => `${ids.join(' ')}\n`).join(''));
      return { batch: encoded };
    }
    const text = file === undefined ? (args.text as string) : readText(file);
    const ids = options.decode ? asIds(text.match(/[^\s,[\]]+/g)?.map(Number) ?? []) : encode(text);
    if (!options.decode) {
      print(`${ids.join(' ')}\n`);
      return { ids };
    }
    const decoded = tokenizer.decode(ids);
    print(`${decoded}\n`);
    return { ids, text: decoded };
  },
});

async function tokenizerOf(model: string) {
  const { openCheckpoint } = await import('../checkpoint/index.ts');
  const { openTokenizer } = await import('../tokenizer/index.ts');
  const checkpoint = openCheckpoint(modelPath(model));
  try {
    return openTokenizer(checkpoint.tokenizer, checkpoint.generation);
  } finally {
    checkpoint.close();
  }
}

function listIn(path: string): readonly unknown[] {
  const rows = readJson(path);
  if (!Array.isArray(rows)) throw new CriaError('is not a list', { where: path, remedy: 'write it as ["…", "…"]' });
  return rows;
}

function asText(row: unknown): string {
  if (typeof row !== 'string')
    throw new CriaError('a row of the batch is not a text', { remedy: 'give --decode for ids' });
  return row;
}

function asIds(row: unknown): readonly number[] {
  if (Array.isArray(row) && row.every((id) => Number.isSafeInteger(id) && id >= 0)) return row;
  throw new CriaError('the ids are not whole numbers of 0 or more', { remedy: 'give them as in 5 17 3' });
}
