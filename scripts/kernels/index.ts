/** The WebAssembly modules of src/base/kernel-modules.ts; `CRIA_UPDATE=1 npx vitest run test/checks/kernels.test.ts` writes it anew. */
import { moduleBytes } from './assembler.ts';
import { minimums } from './minimums.ts';
import { optimizer } from './optimizer.ts';
import { unpack } from './unpack.ts';

const definitions = { minimums, optimizer, unpack };

/** The text of src/base/kernel-modules.ts. */
export function kernelModulesText(): string {
  const modules = Object.entries(definitions).map(([name, kernels]) => {
    return `  ${name}:\n    '${Buffer.from(moduleBytes(kernels)).toString('base64')}',\n`;
  });
  return `/** Modules in base64, written by scripts/kernels. */\nexport const kernelModules = {\n${modules.join('')}};\n`;
}
