import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { refusalOf, safetensorsBytes, temporaryFolder } from '../../test/hostile.ts';
import { openFolder } from './folder.ts';
import { pull } from './hub.ts';

const weights = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => i * 31));
const files: Record<string, Buffer> = {
  'config.json': Buffer.from('{"model_type":"llama"}'),
  'tokenizer.json': Buffer.from('{}'),
  'model.safetensors': weights,
  'pytorch_model.bin': Buffer.from('pickle'),
  'onnx/model.onnx': Buffer.from('onnx'),
  'tiny model.gguf': Buffer.from('GGUF'),
};
const mark = 'cria-pull.json';
const sha256 = createHash('sha256').update(weights).digest('hex');
const resolve = '/org/tiny/resolve/main/';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

afterEach(() => vi.unstubAllEnvs());

/** What the hub lists of `files`; the weights as a large file. `git hash-object` gives the same ids. */
function listed(of: Record<string, Buffer> = files): unknown[] {
  return Object.entries(of).map(([path, bytes]) => ({
    type: 'file',
    path,
    size: bytes.length,
    oid: createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex'),
    ...(bytes === weights && { lfs: { oid: sha256, size: bytes.length, pointerSize: 134 } }),
  }));
}

/** A hub on this machine that has org/tiny; `special` answers some addresses otherwise. */
async function hub(special: Record<string, Answer> = {}, entries: unknown = listed()) {
  const requests: { url: string; range: string | undefined; token: string | undefined }[] = [];
  const server = createServer((request, response) => {
    const url = decodeURIComponent(request.url ?? '');
    requests.push({ url, range: request.headers.range, token: request.headers.authorization });
    const path = url.split('?')[0] ?? '';
    const answer = special[path];
    if (answer) return answer(request, response);
    if (path === '/api/models/org/tiny/tree/main') return response.end(JSON.stringify(entries));
    const bytes = files[path.slice(resolve.length)];
    if (!path.startsWith(resolve) || !bytes) return response.writeHead(404).end();
    sendRange(bytes)(request, response);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const close = () =>
    new Promise((closed) => {
      server.close(closed);
      server.closeAllConnections();
    });
  onTestFinished(async () => void (await close()));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  vi.stubEnv('HF_ENDPOINT', address);
  vi.stubEnv('HF_TOKEN', '');
  vi.stubEnv('HUGGING_FACE_HUB_TOKEN', '');
  return { address, requests, close, asked: (path: string) => requests.filter(({ url }) => url === resolve + path) };
}

function sendRange(bytes: Buffer): Answer {
  return (request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (from > 0) response.writeHead(206, { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` });
    response.end(bytes.subarray(from));
  };
}

/** Sends the first 100,000 bytes of the weights, then breaks the connection. */
const breakOff: Answer = (_, response) => {
  response.writeHead(200, { 'content-length': weights.length });
  response.write(weights.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 20));
};

/** Another hub, which has these files and no other. */
const hubWith = (of: Record<string, Buffer>, special: Record<string, Answer> = {}) => {
  const answers = Object.entries(of).map(([name, bytes]) => [resolve + name, sendRange(bytes)]);
  return hub({ ...Object.fromEntries(answers), ...special }, listed(of));
};

const namesIn = (folder: string): string[] => readdirSync(folder).sort();

const failWith =
  (status: number): Answer =>
  (_, response) =>
    void response.writeHead(status).end('no');

describe('pull', () => {
  test('brings configuration, tokenizer and safetensors, nothing else, and tells how far it is', async () => {
    const { requests } = await hub();
    const into = join(temporaryFolder(), 'a', 'b');
    const steps: number[] = [];
    const progress = { step: (_: string, done: number) => void steps.push(done), note() {} };
    const total = weights.length + 24;
    expect(await pull('org/tiny', { into, progress })).toEqual({ path: into, bytes: total });
    expect(namesIn(into)).toEqual(['config.json', mark, 'model.safetensors', 'tokenizer.json']);
    expect(readFileSync(join(into, 'model.safetensors')).equals(weights)).toBe(true);
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
    expect(steps.at(-1)).toBe(total);
    expect(requests.at(-1)?.url).toBe(`${resolve}config.json`);
  });

  test('fetches nothing twice, except what has been changed since', async () => {
    const { asked } = await hub();
    const into = temporaryFolder();
    await pull('org/tiny', { into });
    writeFileSync(join(into, 'tokenizer.json'), '[]');
    await pull('org/tiny', { into });
    expect(['config.json', 'model.safetensors', 'tokenizer.json'].map((name) => asked(name).length)).toEqual([2, 1, 2]);
    expect(readFileSync(join(into, 'tokenizer.json'), 'utf8')).toBe('{}');
  });

  test('continues a file where the connection broke', async () => {
    const special: Record<string, Answer> = { [`${resolve}model.safetensors`]: breakOff };
    const { asked } = await hub(special);
    const into = temporaryFolder();
    expect(await refusalOf(() => pull('org/tiny', { into }))).toMatch(
      /model\.safetensors: the connection broke .*continues/,
    );
    expect(readdirSync(into)).not.toContain('config.json');
    delete special[`${resolve}model.safetensors`];
    await pull('org/tiny', { into });
    expect(asked('model.safetensors').map(({ range }) => range)).toEqual([undefined, 'bytes=100000-']);
    expect(readFileSync(join(into, 'model.safetensors')).equals(weights)).toBe(true);
    expect(namesIn(into)).toEqual(['config.json', mark, 'model.safetensors', 'tokenizer.json']);
  });

  test('begins again where the hub cannot continue', async () => {
    const path = `${resolve}model.safetensors`;
    const special: Record<string, Answer> = { [path]: breakOff };
    await hub(special);
    const into = temporaryFolder();
    await refusalOf(() => pull('org/tiny', { into }));
    special[path] = (_, response) => void response.end(weights);
    await pull('org/tiny', { into });
    expect(readFileSync(join(into, 'model.safetensors')).equals(weights)).toBe(true);
  });

  test('stops when it is told to, and continues later', async () => {
    const { asked } = await hub();
    const into = temporaryFolder();
    const stop = new AbortController();
    const progress = {
      step: (_: string, done: number) => void (done > 30_000 && stop.abort(new Error('stopped'))),
      note() {},
    };
    await expect(pull('org/tiny', { into, progress, signal: stop.signal })).rejects.toThrow('stopped');
    await pull('org/tiny', { into });
    expect(asked('model.safetensors')[1]?.range).toMatch(/^bytes=\d+-$/);
    expect(readFileSync(join(into, 'model.safetensors')).equals(weights)).toBe(true);
  });

  test('brings the one file that is named', async () => {
    await hub();
    const into = temporaryFolder();
    const path = join(into, 'tiny model.gguf');
    expect(await pull('org/tiny', { into, file: 'tiny model.gguf' })).toEqual({ path, bytes: 4 });
    expect(namesIn(into)).toEqual([mark, 'tiny model.gguf']);
    expect(await refusalOf(() => pull('org/tiny', { into, file: 'b.gguf' }))).toMatch(
      /no file "b\.gguf" \(it has tiny model/,
    );
  });

  test('follows a list over several pages', async () => {
    const entries = listed();
    const { address } = await hub({
      '/api/models/org/tiny/tree/main': (request, response) => {
        const second = request.url?.includes('cursor=2');
        const link = `<${address}/api/models/org/tiny/tree/main?cursor=2>; rel="next"`;
        response.writeHead(200, second ? {} : { link });
        response.end(JSON.stringify(second ? entries.slice(2) : entries.slice(0, 2)));
      },
    });
    expect((await pull('org/tiny', { into: temporaryFolder() })).bytes).toBe(weights.length + 24);
  });

  test('shows the token to the hub, and to nobody it redirects to', async () => {
    const path = `${resolve}model.safetensors`;
    const elsewhere = await hub();
    const here = await hub({
      [path]: (_, response) => void response.writeHead(302, { location: elsewhere.address + path }).end(),
    });
    vi.stubEnv('HUGGING_FACE_HUB_TOKEN', 'secret');
    await pull('org/tiny', { into: temporaryFolder() });
    expect(new Set(here.requests.map(({ token }) => token))).toEqual(new Set(['Bearer secret']));
    expect(elsewhere.requests.map(({ url, token }) => [url, token])).toEqual([[path, undefined]]);
  });
});

describe('a folder that another revision was pulled into', () => {
  const weight = (name: string) =>
    safetensorsBytes({ [name]: { dtype: 'U8', shape: [1], data_offsets: [0, 1] } }, Uint8Array.of(0));
  const [first, second] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;
  const single = {
    'config.json': Buffer.from('{"revision":"single"}'),
    'chat_template.jinja': Buffer.from('old'),
    'tokenizer.json': Buffer.from('{}'),
    'model.safetensors': weight('old'),
  };
  const sharded = {
    'config.json': Buffer.from('{"revision":"sharded"}'),
    'tokenizer.json': Buffer.from('{}'),
    'model.safetensors.index.json': Buffer.from(JSON.stringify({ weight_map: { x: first, y: second } })),
    [first]: weight('x'),
    [second]: weight('y'),
  };

  /** What a pulled folder opens as. */
  function opened(folder: string) {
    const { config, tensors, close } = openFolder(folder);
    close();
    return { revision: config.revision, tensors: [...tensors.keys()] };
  }

  test('holds the new one alone', async () => {
    await hubWith(single);
    const into = temporaryFolder();
    await pull('org/tiny', { into });
    expect(opened(into)).toEqual({ revision: 'single', tensors: ['old'] });
    await hubWith(sharded);
    await pull('org/tiny', { into });
    expect(opened(into)).toEqual({ revision: 'sharded', tensors: ['x', 'y'] });
    expect(namesIn(into)).toEqual([...Object.keys(sharded), mark].sort());
    expect(JSON.parse(readFileSync(join(into, mark), 'utf8'))).toEqual({ files: Object.keys(sharded).sort() });
    await hubWith(single);
    await pull('org/tiny', { into });
    expect(namesIn(into)).toEqual([...Object.keys(single), mark].sort());
  });

  test('is no checkpoint while the new one is half there, and either of them can be pulled then', async () => {
    await hubWith(single);
    const into = temporaryFolder();
    await pull('org/tiny', { into });
    await hubWith(sharded, { [resolve + second]: failWith(503) });
    await refusalOf(() => pull('org/tiny', { into }));
    expect(readdirSync(into)).toContain(first);
    expect(await refusalOf(() => openFolder(into))).toMatch(/has no config\.json/);
    const { asked } = await hubWith(single);
    await pull('org/tiny', { into });
    expect(opened(into)).toEqual({ revision: 'single', tensors: ['old'] });
    expect(asked('model.safetensors')).toEqual([]);
    await hubWith(sharded);
    await pull('org/tiny', { into });
    expect(opened(into)).toEqual({ revision: 'sharded', tensors: ['x', 'y'] });
  });

  test('is the new one only when nothing of the old one is left', async () => {
    await hubWith(single);
    const into = temporaryFolder();
    await pull('org/tiny', { into });
    await hubWith(sharded, { [`${resolve}config.json`]: failWith(503) });
    await refusalOf(() => pull('org/tiny', { into }));
    expect(readdirSync(into)).toContain(second);
    expect(readdirSync(into)).not.toContain('model.safetensors');
  });

  test('keeps no unfinished download of the old one', async () => {
    await hub({ [`${resolve}model.safetensors`]: breakOff });
    const into = temporaryFolder();
    await refusalOf(() => pull('org/tiny', { into }));
    expect(readdirSync(into).filter((name) => name.endsWith('.partial'))).toHaveLength(1);
    await hubWith(sharded);
    await pull('org/tiny', { into });
    expect(namesIn(into)).toEqual([...Object.keys(sharded), mark].sort());
  });

  test('keeps the files that were named, and those that no pull has written', async () => {
    await hub();
    const into = temporaryFolder();
    await pull('org/tiny', { into });
    await pull('org/tiny', { into, file: 'tiny model.gguf' });
    expect(namesIn(into)).toEqual(['config.json', mark, 'model.safetensors', 'tiny model.gguf', 'tokenizer.json']);
    writeFileSync(join(into, 'README.md'), 'mine');
    await hubWith(sharded);
    await pull('org/tiny', { into });
    expect(namesIn(into)).toEqual([...Object.keys(sharded), mark, 'README.md', 'tiny model.gguf'].sort());
  });
});

describe('refused with a sentence:', () => {
  const tree = '/api/models/org/tiny/tree/main';
  const pulled = (repo = 'org/tiny', token?: string) => refusalOf(() => pull(repo, { into: temporaryFolder(), token }));

  test('a name that is no hub id', async () => {
    for (const repo of ['gpt2', '../x', 'a/b/c', '', 'a b', '/x', 'a/..'])
      expect(await pulled(repo)).toMatch(/is not a hub id/);
  });

  test('a repository that the hub does not have', async () => {
    await hub();
    expect(await pulled('org/none')).toMatch(/^org\/none at main: does not exist on the hub \(check the name/);
  });

  test('a gated repository, without a token, with a wrong one and with one that may not', async () => {
    const special = { [tree]: failWith(401) };
    await hub(special);
    expect(await pulled()).toMatch(/requires a token.*accept its terms at http.*\/org\/tiny and set HF_TOKEN/);
    expect(await pulled('org/tiny', 'x')).toMatch(/rejected the token/);
    special[tree] = failWith(403);
    expect(await pulled('org/tiny', 'x')).toMatch(/the token has no read access/);
    special[tree] = failWith(429);
    expect(await pulled()).toMatch(/limits the request rate/);
    special[tree] = failWith(503);
    expect(await pulled()).toMatch(/the hub answered 503/);
  });

  test('a hub that does not listen, or whose name nobody knows', async () => {
    const { address, close } = await hub();
    await close();
    expect(await pulled()).toMatch(`${address}: cannot be reached (ECONNREFUSED) (check the network`);
    const fetch = () =>
      Promise.reject(new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'ENOTFOUND' }) }));
    const message = await refusalOf(() => pull('org/tiny', { into: temporaryFolder(), fetch }));
    expect(message).toMatch(/cannot be resolved: the machine may be offline/);
    vi.stubEnv('HF_ENDPOINT', 'nonsense');
    expect(await pulled()).toMatch(/nonsense: is not a URL/);
  });

  test('bytes that differ from the listed checksum, of large files and of small ones, and they are removed', async () => {
    for (const [name, other] of [
      ['model.safetensors', Buffer.alloc(weights.length)],
      ['tokenizer.json', Buffer.from('[]')],
    ] as const) {
      await hub({ [resolve + name]: (_, response) => void response.end(other) });
      const into = temporaryFolder();
      expect(await refusalOf(() => pull('org/tiny', { into }))).toMatch(`${name}: the checksum differs`);
      expect(readdirSync(into).filter((file) => file.startsWith(name))).toEqual([]);
    }
  });

  test('more bytes than are listed, and fewer', async () => {
    const path = `${resolve}tokenizer.json`;
    const special: Record<string, Answer> = { [path]: (_, response) => void response.end('{}{}') };
    await hub(special);
    expect(await pulled()).toMatch(/tokenizer\.json: the hub sends more than the 2 bytes that it lists/);
    special[path] = (_, response) => void response.end('{');
    expect(await pulled()).toMatch(/tokenizer\.json: the hub stopped at 1 of 2 bytes/);
  });

  test('names that lead out of the folder', async () => {
    for (const path of [
      '../config.json',
      '/etc/config.json',
      'a/../../b.json',
      '..\\b.json',
      'C:b.json',
      '..',
      '.',
      'a\0',
    ]) {
      await hub({}, [...listed(), { type: 'file', path, size: 1, oid: 'a'.repeat(40) }]);
      expect(await pulled(), path).toMatch(/which lies outside the folder/);
    }
  });

  test('a list that is not one', async () => {
    const sound = { type: 'file', path: 'config.json', size: 1, oid: 'a'.repeat(40) };
    const odd = [{}, 3, null, [{ ...sound, size: -1 }], [{ ...sound, size: '1' }], [{ ...sound, path: 1 }]];
    const unchecked = [
      [{ ...sound, oid: undefined }],
      [{ ...sound, oid: '../../../x' }],
      [{ ...sound, lfs: { oid: 'x', size: 1 } }],
    ];
    for (const entries of [...odd, ...unchecked]) {
      await hub({}, entries);
      expect(await pulled(), JSON.stringify(entries)).toMatch(/invalid file list/);
    }
    await hub({ [tree]: (_, response) => void response.end('<html>') });
    expect(await pulled()).toMatch(/invalid file list/);
    const { address } = await hub({
      [tree]: (_, response) => void response.writeHead(200, { link: `<${address}${tree}>; rel="next"` }).end('[]'),
    });
    expect(await pulled()).toMatch(/on more than 1000 pages/);
  });

  test('a repository with pickle only, or with GGUF files of which none is named', async () => {
    await hub({}, listed({ 'config.json': Buffer.from('{}'), 'pytorch_model.bin': Buffer.from('x') }));
    expect(await pulled()).toMatch(/no safetensors weights .*never pickle/);
    await hub({}, listed({ 'a.gguf': Buffer.from('x') }));
    expect(await pulled()).toMatch(/name one of its GGUF files: a\.gguf/);
  });

  test('pickle that is named, before anything is asked', async () => {
    const { requests } = await hub();
    for (const file of ['pytorch_model.bin', 'a/b.pt', 'a.pth', 'a.pkl', 'a.CKPT']) {
      const message = await refusalOf(() => pull('org/tiny', { into: temporaryFolder(), file }));
      expect(message).toMatch(`"${file}": is pickle by its name, and cria fetches none`);
    }
    expect(requests).toEqual([]);
  });

  test("a file of the user's own that would be replaced, and everything stays as it was", async () => {
    const { asked } = await hub();
    const into = temporaryFolder();
    writeFileSync(join(into, 'config.json'), 'mine');
    const message = await refusalOf(() => pull('org/tiny', { into }));
    expect(message).toMatch(/config\.json: differs from the file on the hub, and is not replaced, because cria pull/);
    expect(namesIn(into)).toEqual(['config.json']);
    expect(readFileSync(join(into, 'config.json'), 'utf8')).toBe('mine');
    writeFileSync(join(into, 'tiny model.gguf'), 'mine');
    expect(await refusalOf(() => pull('org/tiny', { into, file: 'tiny model.gguf' }))).toMatch(/is not replaced/);
    writeFileSync(join(into, 'config.json'), '{"model_type":"llama"}');
    writeFileSync(join(into, 'tokenizer.json'), '{}');
    await pull('org/tiny', { into });
    expect(asked('tokenizer.json')).toEqual([]);
  });

  test('a mark that is none, or that leads out of the folder', async () => {
    await hub();
    const into = temporaryFolder();
    for (const [text, sentence] of [
      ['{', /cria-pull\.json: is not valid JSON/],
      ['{}', /cria-pull\.json: files is not a list/],
      ['{"files":[1]}', /cria-pull\.json: files is not a list of names/],
      ['{"files":["../chat_template.jinja"]}', /cria-pull\.json lists .*lies outside the folder/],
    ] as const) {
      writeFileSync(join(into, mark), text);
      expect(await refusalOf(() => pull('org/tiny', { into }))).toMatch(sentence);
    }
  });

  test('a folder that cannot be made', async () => {
    await hub();
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    expect(await refusalOf(() => pull('org/tiny', { into: file }))).toMatch(/cannot be written/);
    mkdirSync(`${file}2/tokenizer.json`, { recursive: true });
    expect(await refusalOf(() => pull('org/tiny', { into: `${file}2` }))).toMatch(/tokenizer\.json/);
  });
});
