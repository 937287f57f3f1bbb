/**
 * llama.cpp (through node-llama-cpp) behind as much of /v1/completions as bench/serve-clients.mjs asks for: a prompt of ids,
 * max_tokens, no end of the text before. Each request has a sequence of one context; node-llama-cpp batches them.
 *
 *   node llama-server.mjs MODEL.gguf --modules DIR [--threads 2] [--slots 8] [--context 2048]
 *
 * DIR is where `npm install node-llama-cpp` was run. Prints `listening on http://HOST:PORT VERSION RELEASE`.
 */
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    modules: { type: 'string' },
    threads: { type: 'string', default: '2' },
    slots: { type: 'string', default: '8' },
    context: { type: 'string', default: '2048' },
  },
});
const [modelPath] = positionals;
if (!modelPath || !values.modules) {
  console.error('usage: node llama-server.mjs MODEL.gguf --modules DIR [--threads --slots --context]');
  process.exit(2);
}
const [threads, slots, contextSize] = [values.threads, values.slots, values.context].map(Number);
const folder = join(resolve(values.modules), 'node_modules', 'node-llama-cpp');
const { version, main } = createRequire(import.meta.url)(join(folder, 'package.json'));
const { getLlama } = await import(pathToFileURL(join(folder, main)).href);
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, progressLogs: false });
const model = await llama.loadModel({ modelPath: resolve(modelPath) });
const context = await model.createContext({
  contextSize,
  sequences: slots,
  threads: { ideal: threads, min: threads },
});

const server = createServer(async (request, response) => {
  let body = '';
  for await (const piece of request) body += piece;
  if (request.url === '/v1/models') return response.end(JSON.stringify({ data: [{ id: 'llama.cpp' }] }));
  const { prompt, max_tokens: most } = JSON.parse(body);
  const sequence = context.getSequence();
  let count = 0;
  for await (const _ of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) if (++count === most) break;
  sequence.dispose();
  response.end(JSON.stringify({ usage: { prompt_tokens: prompt.length, completion_tokens: count } }));
});
server.listen(0, '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port} ${version} ${llama.llamaCppRelease.release}`);
});
