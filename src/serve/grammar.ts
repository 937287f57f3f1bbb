import type { GenerateOptions, Observer } from '../generate/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import { cannotBeFollowed, type GrammarWorker, startGrammarWorker } from './grammar-worker.ts';

/** A grammar that can be followed. */
export interface JsonGrammar {
  /** What makes one text follow it: a constraint, and an observer that hears of every token. */
  begin(): Promise<{ readonly options: Pick<GenerateOptions, 'constrain' | 'observers'>; dispose(): void }>;
}

/** Grammars for one vocabulary, compiled when they are asked for. */
export interface JsonGrammars {
  /** JSON that fits a schema (see `followable`). @throws ApiError (400) when it cannot be followed. */
  json(schema: object): Promise<JsonGrammar>;
  close(): void;
}

export function openGrammars(tokenizer: Tokenizer, vocabulary: number): JsonGrammars {
  let worker: GrammarWorker | undefined;
  let texts = 0;
  const running = (): GrammarWorker => {
    worker ??= startGrammarWorker(vocabularyOf(tokenizer, vocabulary), () => {
      worker = undefined;
    });
    return worker;
  };
  return {
    async json(given) {
      const schema = JSON.stringify(given);
      await running().ask({ ask: 'compile', schema });
      return {
        async begin() {
          const own = running();
          const text = ++texts;
          let mask = await own.ask({ ask: 'start', schema, text });
          const constrain = (logits: Float32Array) => {
            if (mask && !mask.some((bits) => bits !== 0)) throw cannotBeFollowed(); // a reference that leads to itself
            for (let id = 0; mask && id < logits.length; id++) {
              if (((mask[id >> 5] as number) & (1 << (id & 31))) === 0) logits[id] = Number.NEGATIVE_INFINITY;
            }
          };
          const observer: Observer = async ({ ids, ended }) => {
            if (!ended) mask = (await own.ask({ ask: 'accept', text, token: ids.at(-1) as number })) ?? mask;
            return undefined;
          };
          const dispose = () => void own.ask({ ask: 'end', text }).catch(() => undefined);
          return { options: { constrain, observers: [observer] }, dispose };
        },
      };
    },
    close: () => worker?.close(),
  };
}

/** The bytes of a vocabulary as the library reads them: byte-level spelling, or with byte tokens and ▁ for a space. */
function vocabularyOf(tokenizer: Tokenizer, vocabulary: number) {
  const spelled = (id: number) => (tokenizer.decode([id], { skipSpecial: true }) === '' ? '' : tokenizer.tokenOf(id)); // special tokens are no text
  const type = tokenizer.idOf('<0x0A>') === undefined ? ('byte_level' as const) : ('byte_fallback' as const);
  return { tokens: Array.from({ length: vocabulary }, (_, id) => spelled(id)), type, ends: tokenizer.special.eos };
}
