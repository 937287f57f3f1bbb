/**
 * A verb of cria, with the peak of its memory among what it prints.
 *
 *   node cria-verb.mjs VERB … --json
 */
import { commandLine } from './places.mjs';

const write = process.stdout.write.bind(process.stdout);
let printed = '';
process.stdout.write = (text, ...rest) => {
  printed += text;
  rest.find((each) => typeof each === 'function')?.();
  return true;
};
process.on('exit', (code) => {
  const peakRssMb = Math.round(process.resourceUsage().maxRSS / 1024);
  if (code === 0) write(`${JSON.stringify({ ...JSON.parse(printed), peakRssMb })}\n`);
});
process.argv.splice(1, 1, commandLine);
await import(commandLine);
