import { CriaError } from '../base/index.ts';
import { readText } from '../data/index.ts';
import {
  anyArguments,
  defineVerb,
  flag,
  integer,
  modelArgument,
  modelPath,
  repeated,
  templateOption,
  text,
  weightsOption,
} from '../options/index.ts';

export const verb = defineVerb({
  endsBySignal: true,
  arguments: { models: anyArguments(modelArgument.summary) },
  options: {
    host: text('the address to listen on', { default: '127.0.0.1' }),
    port: integer('the port; 0 takes a free one', { default: 8080, min: 0, max: 65_535 }),
    slots: integer('number of sequences processed in parallel', { default: 8, min: 1, max: 64 }),
    queue: integer('maximum number of waiting requests; more are rejected with 429', { default: 64, min: 0 }),
    timeout: integer('seconds allowed for receiving a request, and for generating a text', { default: 600, min: 1 }),
    maxBody: integer('maximum bytes of a request body', { default: 10_485_760, min: 1024 }),
    apiKeyFile: text('a file of API keys, one per line; reloaded on SIGHUP', { placeholder: 'file' }),
    cors: repeated(text('an allowed CORS origin; repeatable', { placeholder: 'origin' })),
    adapter: repeated(
      text('NAME=FOLDER of an adapter to serve as ID+NAME; repeatable', { placeholder: 'name=folder' }),
    ),
    template: templateOption,
    weights: weightsOption,
    backend: text('the URL of an OpenAI-compatible server whose models are served too', { placeholder: 'url' }),
    backendKeyEnv: text("the environment variable that holds the backend's key", { placeholder: 'name' }),
    logPrompts: flag('log the full text of requests'),
  },
  examples: [
    'serve model.gguf',
    'serve model.gguf --adapter style=adapters/style --api-key-file keys.txt',
    'serve --backend http://127.0.0.1:8000 --port 8080',
  ],
  async run({ args, options, progress, signal, print }) {
    const { createServer, keysFrom, openBackend, openModels } = await import('../serve/index.ts');
    const { default: pino } = await import('pino');
    const { host, port, slots, queue, timeout, maxBody, cors, seed, threads, weights: precision } = options;
    if (args.models.length === 0 && options.backend === undefined)
      throw new CriaError('a model is required', { remedy: 'pass MODEL or --backend URL' });
    const logger = pino({ level: options.quiet ? 'warn' : 'info' }, pino.destination(2));
    const keys =
      options.apiKeyFile === undefined ? undefined : keysFrom(options.apiKeyFile, (sentence) => logger.warn(sentence));
    if (!keys && !isLoopback(host))
      logger.warn(`${host} is reachable from other machines without an API key: pass --api-key-file`);
    const template = options.template === undefined ? undefined : readText(options.template);
    const backend = options.backend === undefined ? undefined : openBackend(options.backend, options.backendKeyEnv);
    const models = await openModels(
      args.models.map((each) => modelPath(each)),
      { slots, adapters: options.adapter ?? [], template, precision, threads, progress },
    );
    const reload = () => {
      try {
        if (!keys) return logger.info('there is no API key file to reload');
        keys.reload();
        logger.info('reloaded the API keys');
      } catch (error) {
        logger.error(String(error));
      }
    };
    try {
      const log = (entry: Readonly<Record<string, unknown>>) =>
        entry.level === 'error' ? logger.error(entry) : logger.info(entry);
      const server = await createServer({
        host,
        port,
        models,
        backend,
        keys,
        slots,
        queue,
        timeout,
        maxBody,
        cors: cors ?? [],
        seed,
        log,
        logPrompts: options.logPrompts,
      });
      process.on('SIGHUP', reload);
      print(`listening on ${server.url}\n`);
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await server.close();
      return { url: server.url };
    } finally {
      process.off('SIGHUP', reload);
      for (const each of models) await each.close();
    }
  },
});

const isLoopback = (host: string) => host === 'localhost' || host === '::1' || host.startsWith('127.');
