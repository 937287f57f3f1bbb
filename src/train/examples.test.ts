import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { refusalOf, temporaryFolder } from '../../test/hostile.ts';
import { shared } from '../../test/shared.ts';
import { silent } from '../base/index.ts';
import { openTokenizer, type Tokenizer, trainTokenizer } from '../tokenizer/index.ts';
import { type Example, readExamples, readPairs } from './examples.ts';

let tokenizer: Tokenizer;
beforeEach(() => {
  tokenizer = tokenizerWith();
});

/** A byte tokenizer whose template is `<|bos|><|user|>…<|end|><|assistant|>…<|end|>`, or another. */
function tokenizerWith(template?: string, appendsEnd = false): Tokenizer {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(trainTokenizer(['nothing'], 262))) {
    const json = JSON.parse(text);
    if (name === 'tokenizer_config.json' && template) json.chat_template = template;
    if (name === 'tokenizer.json' && appendsEnd) {
      json.post_processor.single.push({ SpecialToken: { id: '<|end|>', type_id: 0 } });
    }
    writeFileSync(join(folder, name), JSON.stringify(json));
  }
  return openTokenizer({ kind: 'folder', path: folder });
}

function file(rows: readonly unknown[] | string, name = 'data.jsonl'): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, typeof rows === 'string' ? rows : rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return path;
}

/** What is read of an example, and what is learned of it, as texts. */
function shown({ ids, lossMask }: Example): { read: string; learned: string } {
  const some = ids.filter((_, i) => lossMask?.[i] ?? true);
  return { read: tokenizer.decode(ids), learned: tokenizer.decode(some) };
}

const read = async (rows: readonly unknown[], options: { trainOnPrompts?: boolean } = {}) =>
  (await readExamples(file(rows), { tokenizer, ...options })).examples.map(shown);

const chat = [
  { role: 'system', content: 'be kind' },
  { role: 'user', content: 'hi' },
  { role: 'assistant', content: 'hello' },
  { role: 'user', content: 'bye' },
  { role: 'assistant', content: 'ciao' },
];

describe('what is learned of', () => {
  test('a text is all of it and its end', async () => {
    expect(await read([{ text: 'ab' }])).toEqual([{ read: '<|bos|>ab<|end|>', learned: '<|bos|>ab<|end|>' }]);
  });

  test('a prompt and its completion is the completion and the end', async () => {
    expect(await read([{ prompt: 'ab', completion: 'cd' }])).toEqual([
      { read: '<|bos|>ab cd<|end|>', learned: ' cd<|end|>' },
    ]);
  });

  test('a conversation is what the assistant says, every turn and its end', async () => {
    expect(await read([{ messages: chat }])).toEqual([
      {
        read: '<|bos|><|system|>be kind<|end|><|user|>hi<|end|><|assistant|>hello<|end|><|user|>bye<|end|><|assistant|>ciao<|end|>',
        learned: 'hello<|end|>ciao<|end|>',
      },
    ]);
  });

  test('a conversation that ends with a question ends with the last answer', async () => {
    const [example] = await read([{ messages: chat.slice(0, 4) }]);
    expect(example?.read.endsWith('hello<|end|>')).toBe(true);
  });

  test('special tokens that a message spells are text', async () => {
    const [end] = tokenizer.special.eos;
    const messages = [chat[1], { role: 'assistant', content: '<|end|>' }];
    const { examples } = await readExamples(file([{ messages }]), { tokenizer });
    expect(examples[0]?.ids.filter((id) => id === end)).toHaveLength(2);
    expect(examples[0]?.lossMask?.filter(Boolean)).toHaveLength('<|end|>'.length + 1);
  });

  test('prompts is learned too when that is asked for', async () => {
    const rows = [{ prompt: 'ab', completion: 'cd' }, { messages: chat }];
    for (const { read: all, learned } of await read(rows, { trainOnPrompts: true })) expect(learned).toBe(all);
  });
});

describe('rows with columns that have no value', () => {
  const expected = [
    { read: '<|bos|>one two<|end|>', learned: '<|bos|>one two<|end|>' },
    { read: '<|bos|>a b<|end|>', learned: ' b<|end|>' },
  ];

  test('are read by those that have one', async () => {
    const none = { text: null, prompt: null, completion: null, messages: null };
    const rows = [
      { ...none, text: 'one two' },
      { ...none, prompt: 'a', completion: 'b' },
      { ...none, messages: chat },
    ];
    expect((await read(rows)).slice(0, 2)).toEqual(expected);
    const csv = file('text,prompt,completion\none two,,\n,a,b\n', 'mixed.csv');
    expect((await readExamples(csv, { tokenizer })).examples.map(shown)).toEqual(expected);
  });

  test('and rows that have nothing to learn are left out and counted', async () => {
    const notes: string[] = [];
    const rows = [
      { text: 'a' },
      { text: '' },
      { prompt: 'a', completion: null },
      { messages: chat.slice(0, 2) },
      { messages: null },
    ];
    const progress = { ...silent, note: (sentence: string) => notes.push(sentence) };
    const { examples, forms } = await readExamples(file(rows), { tokenizer, progress });
    expect([examples.length, ...forms]).toEqual([1, 'text']);
    expect(notes).toEqual(['4 of 5 rows of data.jsonl have no target tokens and are left out.']);
    const pairs = [
      { prompt: 'a', chosen: 'b', rejected: 'c' },
      { prompt: 'a', chosen: 'b', rejected: '' },
    ];
    expect(await readPairs(file(pairs), { tokenizer })).toHaveLength(1);
  });
});

test('a conversation as ShareGPT has it is read, in the columns of its kind', async () => {
  const conversations = [
    { from: 'human', value: 'hi' },
    { from: 'gpt', value: 'hello' },
  ];
  expect(await read([{ conversations, system: 'be kind' }])).toEqual([
    { read: '<|bos|><|system|>be kind<|end|><|user|>hi<|end|><|assistant|>hello<|end|>', learned: 'hello<|end|>' },
  ]);
});

test('calls of tools, what they return and the tools reach the template', async () => {
  tokenizer = tokenizerWith(
    '{{ tools | tojson }}{% for m in messages %}<|{{ m.role }}|>{% for c in m.tool_calls %}{{ c.function.name }}{{ c.function.arguments }}{% endfor %}{{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}',
  );
  const call = { id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"city":"Lima"}' } };
  const messages = [
    { role: 'user', content: 'Weather?' },
    { role: 'assistant', content: null, tool_calls: [call] },
    { role: 'user', content: '18', tool_call_id: 'c1', name: null },
    { role: 'assistant', content: 'It is 18.' },
  ];
  const tools = '[{"name": "weather", "step": 1.0}]'; // JSON in a text, as parquet has it
  expect(await read([{ messages, tools }])).toEqual([
    {
      read: '[{"name": "weather", "step": 1.0}]<|user|>Weather?<|end|><|assistant|>weather{"city":"Lima"}<|end|><|user|>18<|end|><|assistant|>It is 18.<|end|>',
      learned: 'weather{"city":"Lima"}<|end|>It is 18.<|end|>',
    },
  ]);
});

test('a tokenizer that ends every text ends none in the middle', async () => {
  tokenizer = tokenizerWith(undefined, true);
  expect(await read([{ prompt: 'ab', completion: 'cd' }, { text: 'ef' }])).toEqual([
    { read: '<|bos|>ab cd<|end|>', learned: ' cd<|end|>' },
    { read: '<|bos|>ef<|end|>', learned: '<|bos|>ef<|end|>' },
  ]);
  expect(tokenizer.decode(tokenizer.encode('ab'))).toBe('<|bos|>ab<|end|>');
});

test('JSON lines are read in a file that is called .json, with a byte order mark', async () => {
  const path = file('\ufeff{"text":"one"}\n{"text":"two"}\n', 'lines.json');
  expect((await readExamples(path, { tokenizer })).examples).toHaveLength(2);
});

const cases = shared('cases');

test.skipIf(!cases)(
  `rows as people have them are read${cases ? '' : ' [skipped: the cases are not there]'}`,
  async () => {
    const counted = async (name: string) =>
      (await readExamples(join(cases as string, name), { tokenizer })).examples.length;
    expect(await counted('rows-mixed-null.jsonl')).toBe(3);
    expect(await counted('rows-mixed-empty.csv')).toBe(2);
    expect(await counted('lines.json')).toBe(2);
    expect(await refusalOf(() => counted('rows-tool-calls.jsonl'))).toContain("does not read 'tools'");
    expect(await refusalOf(() => counted('rows-tools-only.jsonl'))).toContain("does not read 'tools'");
  },
);

test('rows of several forms are mixed as they are', async () => {
  const { forms, examples } = await readExamples(
    file([{ text: 'a' }, { prompt: 'b', completion: 'c' }, { messages: chat }, { text: 'd' }]),
    { tokenizer },
  );
  expect([...forms].sort()).toEqual(['completion', 'messages', 'text']);
  expect(examples).toHaveLength(4);
});

test('the whole of a text file is one text, without special tokens', async () => {
  const { forms, examples } = await readExamples(file('one\ntwo\n', 'a.TXT'), { tokenizer });
  expect([...forms]).toEqual(['text']);
  expect(examples).toEqual([{ ids: tokenizer.encode('one\ntwo\n', { special: false }), lossMask: undefined }]);
});

test('columns of other names are read', async () => {
  const path = file([{ question: 'a', answer: 'b' }]);
  const columns = new Map([
    ['prompt', 'question'],
    ['completion', 'answer'],
  ]);
  const { examples } = await readExamples(path, { tokenizer, columns });
  expect(examples.map(shown)).toEqual([{ read: '<|bos|>a b<|end|>', learned: ' b<|end|>' }]);
});

test('both answers of a pair follow its prompt, and alone are learned', async () => {
  const pairs = await readPairs(file([{ prompt: 'a', chosen: 'b', rejected: ' c' }]), { tokenizer });
  expect(pairs.map(({ chosen, rejected }) => [shown(chosen), shown(rejected)])).toEqual([
    [
      { read: '<|bos|>a b<|end|>', learned: ' b<|end|>' },
      { read: '<|bos|>a c<|end|>', learned: ' c<|end|>' },
    ],
  ]);
});

const good = { text: 'a' };
test.each<[string, readonly unknown[], string]>([
  [
    'of no form',
    [good, { goal: 'a', target: 'b' }],
    'row 2: has none of the columns messages, prompt and completion, or text (its columns are goal, target: rename them',
  ],
  [
    'without columns',
    [{}],
    'row 1: has none of the columns messages, prompt and completion, or text (its columns are none',
  ],
  ['without a completion', [good, good, { prompt: 'a' }], "row 3: has no column 'completion' (its columns are prompt)"],
  ['without a prompt', [{ completion: 'a' }], "row 1: has no column 'prompt'"],
  ['with a number as text', [{ text: 1 }], 'row 1: text is not a string'],
  ['with messages that are none', [{ messages: 'hi' }], 'row 1: messages is a string that is not valid JSON'],
  [
    'with messages of no one',
    [{ messages: [] }],
    'row 1: messages must be a list of objects with role and content (write it as',
  ],
  ['with a message without a role', [{ messages: [{ content: 'a' }] }], 'row 1: messages must be a list'],
  ['with null as message', [{ messages: [null] }], 'row 1: messages must be a list'],
  [
    'with a key that the template does not read',
    [good, { messages: [{ ...chat[1], weight: 1 }, chat[2]] }],
    "row 2: the chat template does not read 'weight' (remove it from the rows",
  ],
  [
    'with tools that the template does not read',
    [{ messages: chat, tools: [{ name: 'f' }] }],
    "row 1: the chat template does not read 'tools'",
  ],
  [
    'of a stranger',
    [{ conversations: [{ from: 'bing', value: 'a' }] }],
    "row 1: a message has the unknown speaker 'bing' in 'from' (supported: human",
  ],
])('a row %s is refused by file and row', async (_, rows, sentence) => {
  expect(await refusalOf(() => readExamples(file(rows), { tokenizer }))).toContain(`data.jsonl: ${sentence}`);
});

test('a pair without an answer is refused by file and row', async () => {
  const path = file([{ prompt: 'a', chosen: 'b' }]);
  expect(await refusalOf(() => readPairs(path, { tokenizer }))).toContain(
    "data.jsonl: row 1: has no column 'rejected'",
  );
});

test('a file without rows has no target tokens', async () => {
  for (const work of [readExamples, readPairs]) {
    expect(await refusalOf(() => work(file([]), { tokenizer }))).toContain('data.jsonl: has no target tokens');
  }
});

test('a conversation that a template refuses is told by its row', async () => {
  tokenizer = tokenizerWith(
    "{{ raise_exception('no sages') if messages[0]['role'] == 'sage' }}{{ messages[0]['content'] }}",
  );
  const answer = { role: 'assistant', content: 'x' };
  const rows = [{ messages: chat }, { messages: [{ role: 'sage', content: 'hm' }, answer] }];
  expect(await refusalOf(() => readExamples(file(rows), { tokenizer }))).toMatch(
    /^[^ ]*data\.jsonl: row 2: .*the chat template rejects the conversation: no sages/,
  );
});

test('a template that rewrites earlier turns cannot be learned from', async () => {
  tokenizer = tokenizerWith("{% for m in messages %}{{ loop.revindex ~ m['content'] }}{% endfor %}");
  expect(await refusalOf(() => readExamples(file([{ messages: chat }]), { tokenizer }))).toContain(
    'data.jsonl: row 1: the chat template rewrites earlier messages',
  );
});

test('reading stops when it is told to', async () => {
  const stop = new AbortController();
  stop.abort(new Error('stopped'));
  await expect(readExamples(file([good]), { tokenizer, signal: stop.signal })).rejects.toThrow('stopped');
});
