// `npm start`: the tour of what cria does, on the model that ships with it.
import { setUp } from './setup.mjs';

setUp();
process.argv.splice(2, Infinity, 'tour');
await import('../dist/cli/main.js');
