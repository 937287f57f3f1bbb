export { type AppOptions, createApp } from './app.ts';
export { type Backend, openBackend } from './backend.ts';
export { type Keys, keysFrom } from './keys.ts';
export { type ModelsOptions, openModels, type ServedModel } from './models.ts';
export { createServer, listen, type RunningServer, type ServerOptions } from './server.ts';
