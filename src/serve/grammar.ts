import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { CompiledGrammar, GrammarCompiler } from '@mlc-ai/web-xgrammar';
import type { GenerateOptions, Observer } from '../generate/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import { ApiError } from './errors.ts';

/** A compiled grammar. */
export interface JsonGrammar {
  /** What makes one text follow it: a constraint, and an observer that hears of every token. */
  begin(): Promise<{ readonly options: Pick<GenerateOptions, 'constrain' | 'observers'>; dispose(): void }>;
  dispose(): void;
}

/** Grammars for one vocabulary, compiled when they are asked for. */
export interface JsonGrammars {
  /** JSON that fits a schema (see `followable`). @throws ApiError (400) when it cannot be followed. */
  json(schema: object): Promise<JsonGrammar>;
}

export function openGrammars(tokenizer: Tokenizer, vocabulary: number): JsonGrammars {
  let compiler: Promise<GrammarCompiler> | undefined;
  return {
    async json(schema) {
      const { GrammarMatcher } = await library();
      compiler ??= compilerFor(tokenizer, vocabulary);
      let compiled: CompiledGrammar;
      try {
        compiled = await (await compiler).compileJSONSchema(
          JSON.stringify(schema),
          false, // spaces where JSON.stringify of Python has them: a model may like nothing better
          -1,
          [', ', ': '],
        );
      } catch {
        throw new ApiError(400, 'the schema cannot be followed', { param: 'response_format' });
      }
      return {
        async begin() {
          const matcher = await GrammarMatcher.createGrammarMatcher(compiled, [...tokenizer.special.eos]);
          let mask = await matcher.getNextTokenBitmask();
          const constrain = (logits: Float32Array) => {
            for (let id = 0; id < logits.length; id++) {
              if (((mask[id >> 5] as number) & (1 << (id & 31))) === 0) logits[id] = Number.NEGATIVE_INFINITY;
            }
          };
          const observer: Observer = async ({ ids, ended }) => {
            if (ended || !matcher.acceptToken(ids.at(-1) as number) || matcher.isTerminated()) return undefined;
            mask = await matcher.getNextTokenBitmask();
            return undefined;
          };
          return { options: { constrain, observers: [observer] }, dispose: () => matcher.dispose() };
        },
        dispose: () => compiled.dispose(),
      };
    },
  };
}

/** The bytes of a vocabulary as the library reads them: byte-level spelling, or with byte tokens and ▁ for a space. */
async function compilerFor(tokenizer: Tokenizer, vocabulary: number): Promise<GrammarCompiler> {
  const { TokenizerInfo, GrammarCompiler: Compiler } = await library();
  const tokens = Array.from(
    { length: vocabulary },
    (_, id) => (tokenizer.decode([id], { skipSpecial: true }) === '' ? '' : tokenizer.tokenOf(id)), // special tokens are no text
  );
  const type = tokenizer.idOf('<0x0A>') === undefined ? 'byte_level' : 'byte_fallback';
  const info = await TokenizerInfo.createTokenizerInfo(tokens, type, false, vocabulary, [...tokenizer.special.eos]);
  return Compiler.createGrammarCompiler(info, false);
}

type Library = typeof import('@mlc-ai/web-xgrammar');
let loaded: Promise<Library> | undefined;

/** The library, whose package calls itself a module and is a script: it is given what a script has, and a console that is silent. */
function library(): Promise<Library> {
  loaded ??= (async () => {
    const file = createRequire(import.meta.url).resolve('@mlc-ai/web-xgrammar');
    const head = `import { createRequire } from 'node:module'; const require = createRequire(${JSON.stringify(file)}),
      console = { log() {}, info() {}, warn() {}, error() {} }, __filename = ${JSON.stringify(file)}, __dirname = '', exports = {}, module = { exports };`;
    const source = `${head}\n${readFileSync(file, 'utf8')}\nexport { exports as default };`;
    const { default: api } = await import(`data:text/javascript;base64,${Buffer.from(source).toString('base64')}`);
    return api as Library;
  })();
  return loaded;
}
