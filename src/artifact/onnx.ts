import { join } from 'node:path';
import { type Progress, throwIfAborted, writeFileAtomically, writeFolderAtomically } from '../base/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import { bytesIn, generationFile, json, writeTexts } from './folder.ts';
import type { Provenance } from './provenance.ts';

/** A model as an ONNX graph, its weights in the order in which they lie in the data file. */
export interface OnnxFolder {
  readonly graph: Uint8Array;
  readonly weights: readonly { readonly offset: number; read(): { readonly data: ArrayBufferView } }[];
  readonly config: Readonly<Record<string, unknown>>;
  readonly generation: Readonly<Record<string, unknown>>;
  readonly tokenizer: Tokenizer;
  readonly provenance: Provenance;
}

interface Writing {
  readonly force: boolean;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/**
 * Writes model.onnx, model.onnx.data, configuration, tokenizer and cria.json, whole or not at all; one weight is in
 * memory at a time. Returns the bytes of the files.
 */
export async function writeOnnxFolder(path: string, model: OnnxFolder, writing: Writing): Promise<number> {
  const texts: Record<string, string> = {
    'config.json': json(model.config),
    ...generationFile(model),
    ...model.tokenizer.huggingFaceFiles(),
    'cria.json': json(model.provenance),
  };
  await writeFolderAtomically(path, writing.force, async (folder) => {
    await writeTexts(folder, texts);
    await writeFileAtomically(join(folder, 'model.onnx'), (append) => append(model.graph));
    await writeFileAtomically(join(folder, 'model.onnx.data'), async (append) => {
      let end = 0;
      for (const [i, weight] of model.weights.entries()) {
        throwIfAborted(writing.signal);
        await append(new Uint8Array(weight.offset - end));
        const { buffer, byteOffset, byteLength } = weight.read().data;
        await append(new Uint8Array(buffer, byteOffset, byteLength));
        end = weight.offset + byteLength;
        writing.progress.step('writing', i + 1, model.weights.length, 'tensors');
      }
    });
  });
  return bytesIn(path);
}
