import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { CompiledGrammar, GrammarMatcher } from '@mlc-ai/web-xgrammar';
import { ApiError } from './errors.ts';

/** The tokens of a model as the library reads them. */
export interface Vocabulary {
  readonly tokens: readonly string[];
  readonly type: 'byte_level' | 'byte_fallback';
  readonly ends: readonly number[];
}

export const cannotBeFollowed = () => new ApiError(400, 'the schema cannot be followed', { param: 'response_format' });

/** `start` gives a number to a text that is to follow a schema; each answer has the tokens that may come next, a bit each. */
type Ask =
  | { readonly ask: 'compile'; readonly schema: string }
  | { readonly ask: 'start'; readonly schema: string; readonly text: number }
  | { readonly ask: 'accept'; readonly text: number; readonly token: number }
  | { readonly ask: 'end'; readonly text: number };

export interface GrammarWorker {
  /** @throws ApiError 400 when the library refuses the schema or is stuck with it, 503 when it was stuck with another one. */
  ask(request: Ask): Promise<Int32Array | undefined>;
  close(): void;
}

/**
 * Starts the grammar library in a thread: a schema may take it seconds, in which the texts of others go on. After `mostSeconds`
 * without an answer the thread is ended, and `onStuck` called.
 */
export function startGrammarWorker(vocabulary: Vocabulary, onStuck: () => void, mostSeconds = 30): GrammarWorker {
  const file = createRequire(import.meta.url).resolve('@mlc-ai/web-xgrammar');
  const worker = new Worker(`(${work.toString()})()`, { eval: true, workerData: { ...vocabulary, file } });
  worker.unref();
  const waiting = new Map<number, { resolve(mask: Int32Array | undefined): void; reject(error: ApiError): void }>();
  let asked = 0;
  let timer: NodeJS.Timeout | undefined;
  let isLost = false;
  const lost = () => new ApiError(503, 'the grammar was lost: try again');
  const watch = () => {
    clearTimeout(timer);
    if (waiting.size > 0) timer = setTimeout(stuck, mostSeconds * 1000);
  };
  const stuck = () => {
    isLost = true;
    onStuck();
    void worker.terminate();
    const [first, ...others] = waiting.values();
    waiting.clear();
    first?.reject(cannotBeFollowed());
    for (const each of others) each.reject(lost());
  };
  worker.on('error', stuck);
  worker.on('message', ({ id, mask, failed }: { id: number; mask?: Int32Array; failed?: boolean }) => {
    const { resolve, reject } = waiting.get(id) ?? {};
    waiting.delete(id);
    if (failed) reject?.(cannotBeFollowed());
    else resolve?.(mask);
    watch();
  });
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        if (isLost) return reject(lost());
        waiting.set(++asked, { resolve, reject });
        worker.postMessage({ ...request, id: asked });
        if (waiting.size === 1) watch();
      }),
    close() {
      clearTimeout(timer);
      void worker.terminate();
    },
  };
}

/** What the thread does: it is sent as text, and nothing around it is there. */
function work(): void {
  const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads');
  const { file, tokens, type, ends } = workerData as Vocabulary & { readonly file: string };
  const mostKept = 32; // compiled grammars
  const kept = new Map<string, CompiledGrammar>();
  const texts = new Map<number, GrammarMatcher>();

  const opened = (async () => {
    // a script in a package that calls itself a module: it is given what a script has, and a console that is silent
    const module = { exports: {} as typeof import('@mlc-ai/web-xgrammar') };
    const silent = { log() {}, info() {}, warn() {}, error() {} };
    const names = ['module', 'exports', 'require', '__filename', '__dirname', 'console'];
    const source = process.getBuiltinModule('node:fs').readFileSync(file, 'utf8');
    const require = process.getBuiltinModule('node:module').createRequire(file);
    new Function(...names, source)(module, module.exports, require, file, '', silent);
    const { TokenizerInfo, GrammarCompiler, GrammarMatcher: Matcher } = module.exports;
    const info = await TokenizerInfo.createTokenizerInfo([...tokens], type, false, tokens.length, [...ends]);
    return { Matcher, compiler: await GrammarCompiler.createGrammarCompiler(info, false) };
  })();

  async function compiled(schema: string): Promise<CompiledGrammar> {
    const { compiler } = await opened;
    const known = kept.get(schema);
    // spaces where JSON.stringify of Python has them: a model may like nothing better
    const grammar = known ?? (await compiler.compileJSONSchema(schema, false, -1, [', ', ': ']));
    kept.delete(schema);
    kept.set(schema, grammar); // the last used one last
    const [oldest] = kept;
    if (kept.size > mostKept && oldest) {
      kept.delete(oldest[0]);
      oldest[1].dispose(); // texts that follow it go on
    }
    return grammar;
  }

  async function answer(request: Ask): Promise<Int32Array | undefined> {
    if (request.ask === 'compile') {
      await compiled(request.schema);
      return undefined;
    }
    if (request.ask === 'start') {
      const grammar = await compiled(request.schema);
      texts.set(request.text, await (await opened).Matcher.createGrammarMatcher(grammar, [...ends]));
    }
    const matcher = texts.get(request.text);
    if (request.ask === 'end') {
      texts.delete(request.text);
      matcher?.dispose();
      return undefined;
    }
    if (request.ask === 'accept' && (!matcher?.acceptToken(request.token) || matcher.isTerminated())) return undefined;
    return matcher?.getNextTokenBitmask();
  }

  let last = Promise.resolve();
  parentPort?.on('message', (request: Ask & { readonly id: number }) => {
    last = last.then(async () => {
      try {
        parentPort.postMessage({ id: request.id, mask: await answer(request) });
      } catch {
        parentPort.postMessage({ id: request.id, failed: true });
      }
    });
  });
}
