import { CriaError } from '../base/index.ts';
import { conversationFrom, readExactJson, readJson, readText } from '../data/index.ts';
import {
  adapterOption,
  defineVerb,
  flag,
  modelArgument,
  modelPath,
  optionalArgument,
  templateOption,
  text,
} from '../options/index.ts';

export const verb = defineVerb({
  arguments: { model: modelArgument, text: optionalArgument('the text; with --decode, ids such as "1 2 3"') },
  options: {
    file: text('read the text or the ids from a file', { placeholder: 'file' }),
    batch: text('a JSON file: a list of texts, or of lists of ids', { placeholder: 'file' }),
    messages: text('a JSON file: a conversation, formatted by the chat template', { placeholder: 'file' }),
    tools: text('a JSON file: the tools that the conversation may call', { placeholder: 'file' }),
    addGenerationPrompt: flag('append the generation prompt of the chat template'),
    template: templateOption,
    decode: flag('convert ids to text'),
    adapter: adapterOption,
    special: flag('do not add BOS and EOS tokens', true),
  },
  examples: [
    "tokenize model.gguf 'the llama eats'",
    "tokenize model.gguf --decode '5 17 3'",
    'tokenize org/name --file book.txt --json',
    'tokenize org/name --messages chat.json --tools tools.json --add-generation-prompt',
  ],
  async run({ args, options, print }) {
    const { file, batch, messages } = options;
    const given = Object.entries({ TEXT: args.text, '--file': file, '--batch': batch, '--messages': messages }).filter(
      ([, each]) => each !== undefined,
    );
    if (given.length !== 1) {
      const what =
        given.length === 0 ? 'a text is required' : `${given.map(([name]) => name).join(' and ')} cannot be combined`;
      throw new CriaError(what, { remedy: 'pass one of TEXT, --file, --batch and --messages' });
    }
    refuseUnread(options);
    const template = options.template === undefined ? undefined : readText(options.template);
    const tokenizer = await tokenizerOf(args.model, template);
    const encode = (given: string) => tokenizer.encode(given, { special: options.special });
    if (messages !== undefined) {
      const tools = options.tools === undefined ? undefined : listIn(options.tools, readExactJson(options.tools));
      const conversation = conversationFrom(readExactJson(messages), messages);
      const chat = { tools, ...conversation, addGenerationPrompt: options.addGenerationPrompt };
      const text = tokenizer.applyChatTemplate(chat.messages, chat);
      const ids = tokenizer.encodeChat(chat.messages, chat);
      print(`${text}\n${ids.join(' ')}\n`);
      return { text, ids };
    }
    if (batch !== undefined) {
      const rows = listIn(batch, readJson(batch));
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

/** @throws CriaError for options that only make sense with --messages, or without. */
function refuseUnread(options: {
  readonly messages: string | undefined;
  readonly tools: string | undefined;
  readonly template: string | undefined;
  readonly addGenerationPrompt: boolean;
  readonly decode: boolean;
}): void {
  const { messages, tools, template, addGenerationPrompt, decode } = options;
  const ofChat = { '--tools': tools !== undefined, '--template': template !== undefined };
  const alone = Object.entries({ ...ofChat, '--add-generation-prompt': addGenerationPrompt }).find(([, is]) => is)?.[0];
  if (messages === undefined && alone) {
    throw new CriaError('requires --messages', { where: alone, remedy: 'pass --messages FILE' });
  }
  if (messages !== undefined && decode) {
    throw new CriaError('cannot be combined with --messages', { where: '--decode', remedy: 'leave it out' });
  }
}

async function tokenizerOf(model: string, template: string | undefined) {
  const { openCheckpoint } = await import('../checkpoint/index.ts');
  const { openTokenizer } = await import('../tokenizer/index.ts');
  const checkpoint = openCheckpoint(modelPath(model));
  try {
    return openTokenizer(checkpoint.tokenizer, checkpoint.generation, template);
  } finally {
    checkpoint.close();
  }
}

function listIn(path: string, rows: unknown): readonly unknown[] {
  if (!Array.isArray(rows)) throw new CriaError('is not a list', { where: path, remedy: 'write it as […]' });
  return rows;
}

function asText(row: unknown): string {
  if (typeof row !== 'string')
    throw new CriaError('a row of the batch is not a string', { remedy: 'pass --decode for ids' });
  return row;
}

function asIds(row: unknown): readonly number[] {
  if (Array.isArray(row) && row.every((id) => Number.isSafeInteger(id) && id >= 0)) return row;
  throw new CriaError('ids must be integers of at least 0', { remedy: 'for example 5 17 3' });
}
