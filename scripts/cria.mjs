// `npm run cria -- VERB …`: the command line of this checkout, set up first where something is missing or old.
import { setUp } from './setup.mjs';

setUp();
await import('../dist/cli/main.js');
