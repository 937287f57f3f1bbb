// `npm start`: the tour of what cria does, on the model that ships with it; where that is not there yet, a text from a
// real checkpoint.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root, setUp } from './setup.mjs';

const prompt = 'The llama is an animal that';

setUp();
const model = checkpointBeside();
if (existsSync(join(root, 'models', 'cria-tiny', 'model.safetensors'))) {
  process.argv.splice(2, Infinity, 'tour');
  await import('../dist/cli/main.js');
} else if (model) {
  process.stderr.write(`cria generate ${model} '${prompt}'\n`);
  process.argv.splice(2, Infinity, 'generate', model, prompt, '--max-tokens', '64');
  await import('../dist/cli/main.js');
} else {
  process.stderr.write('No model is here yet: get one with npm run cria -- pull HuggingFaceTB/SmolLM2-135M-Instruct\n');
  process.exitCode = 1;
}

/** The first GGUF file of the measurement data beside the checkout. */
function checkpointBeside() {
  const beside = join(root, '..', 'shared', 'models');
  const files = existsSync(beside) ? readdirSync(beside).sort() : [];
  const file = files.find((name) => name.endsWith('.gguf'));
  return file && join(beside, file);
}
