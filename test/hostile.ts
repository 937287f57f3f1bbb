import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { CriaError } from '../src/base/index.ts';

/** An empty folder that goes away when the test that asked for it ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cria-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The bytes of a safetensors file with any header, true or lying; `length` is what it says of the header. */
export function safetensorsBytes(
  header: unknown,
  data: Uint8Array = new Uint8Array(),
  length?: number | bigint,
): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt(length ?? json.length));
  return Buffer.concat([start, json, data]);
}

/** The sentence with which `work` refuses; anything but a CriaError is passed on, success too. */
export async function refusalOf(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (error instanceof CriaError) return error.message;
    throw error;
  }
  throw new Error('nothing was refused');
}
