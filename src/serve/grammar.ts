import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { CompiledGrammar, GrammarCompiler } from '@mlc-ai/web-xgrammar';
import type { GenerateOptions, Observer } from '../generate/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import { ApiError } from './errors.ts';

/** What makes a text follow a grammar: a constraint, and an observer that hears of every token. */
export interface Grammar {
  readonly constrain: NonNullable<GenerateOptions['constrain']>;
  readonly observer: Observer;
  dispose(): void;
}

/** Grammars for one vocabulary, compiled when they are asked for. */
export interface JsonGrammars {
  /** Any JSON object, or what a schema describes. @throws ApiError (400) naming a keyword that is not supported. */
  json(schema?: object): Promise<Grammar>;
}

const keywords = new Set([
  ...['type', 'enum', 'const', 'properties', 'required', 'additionalProperties', 'items', 'minItems', 'maxItems'],
  ...[
    'minLength',
    'maxLength',
    'pattern',
    'anyOf',
    '$ref',
    '$defs',
    'definitions',
    '$schema',
    '$id',
    'title',
    'description',
  ],
  ...['default', 'examples'],
]);
const subschemas = new Set(['properties', '$defs', 'definitions']);

/** @throws ApiError (400) naming the first keyword of a schema that is not supported. */
export function checkSchema(schema: unknown, where = 'schema', depth = 0): void {
  if (depth > 64) throw new ApiError(400, `${where}: nested too deeply`, { param: 'response_format' });
  if (typeof schema === 'boolean') return;
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
    throw new ApiError(400, `${where} is not a schema`, { param: 'response_format' });
  }
  for (const [key, value] of Object.entries(schema)) {
    if (!keywords.has(key))
      throw new ApiError(400, `${where}: the keyword '${key}' is not supported`, { param: 'response_format' });
    const inner = subschemas.has(key)
      ? Object.entries((value ?? {}) as object)
      : key === 'anyOf' && Array.isArray(value)
        ? value.map((each, i) => [String(i), each] as const)
        : key === 'items' || key === 'additionalProperties'
          ? [[key, value] as const]
          : [];
    for (const [name, each] of inner) checkSchema(each, `${where}.${key}.${name}`, depth + 1);
  }
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
          JSON.stringify(schema ?? { type: 'object', additionalProperties: true }),
          false, // spaces where JSON.stringify of Python has them: a model may like nothing better
          -1,
          [', ', ': '],
        );
      } catch {
        throw new ApiError(400, 'the schema cannot be followed', { param: 'response_format' });
      }
      const matcher = await GrammarMatcher.createGrammarMatcher(compiled, [...tokenizer.special.eos]);
      let mask = await matcher.getNextTokenBitmask();
      return {
        constrain(logits) {
          for (let id = 0; id < logits.length; id++) {
            if (((mask[id >> 5] as number) & (1 << (id & 31))) === 0) logits[id] = Number.NEGATIVE_INFINITY;
          }
        },
        async observer({ ids, ended }) {
          if (ended || !matcher.acceptToken(ids.at(-1) as number) || matcher.isTerminated()) return undefined;
          mask = await matcher.getNextTokenBitmask();
          return undefined;
        },
        dispose: () => matcher.dispose(),
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
  return Compiler.createGrammarCompiler(info);
}

type Library = typeof import('@mlc-ai/web-xgrammar');
let loaded: Promise<Library> | undefined;

/** The library, whose package calls itself a module and is a script: it is given what a script has. */
function library(): Promise<Library> {
  loaded ??= (async () => {
    const file = createRequire(import.meta.url).resolve('@mlc-ai/web-xgrammar');
    const head = `import { createRequire } from 'node:module'; const require = createRequire(${JSON.stringify(file)}),
      __filename = ${JSON.stringify(file)}, __dirname = '', exports = {}, module = { exports };`;
    const source = `${head}\n${readFileSync(file, 'utf8')}\nexport { exports as default };`;
    const { default: api } = await import(`data:text/javascript;base64,${Buffer.from(source).toString('base64')}`);
    return api as Library;
  })();
  return loaded;
}
