import { CriaError } from '../base/index.ts';
import { argument, defineVerb, flag, integer, number, text } from '../options/index.ts';

const requestSeconds = 3600; // models behind a route may take long

export const verb = defineVerb({
  arguments: { policy: argument('a folder of cria route calibrate, or its policy.json') },
  options: {
    models: text('the base and the guide: YAML, see docs/route.md', { placeholder: 'file' }),
    host: text('the address to listen on', { default: '127.0.0.1' }),
    port: integer('the port; 0 takes a free one', { default: 8080, min: 0, max: 65_535 }),
    decisions: text('where decisions are appended', { default: 'decisions.jsonl', placeholder: 'file' }),
    shadow: flag('answer with the guide, and report what routing would have saved'),
    auditRate: number('share of the requests that are run to the full horizon, to be labelled later', {
      default: 0,
      min: 0,
      max: 1,
    }),
  },
  examples: [
    'route serve certified --models models.yaml --port 8080',
    'route serve certified --models models.yaml --shadow',
  ],
  async run({ args, options, progress, signal, print }) {
    const { models: file, host, port, decisions, shadow, auditRate, seed, threads } = options;
    if (file === undefined) throw new CriaError('there are no models', { remedy: 'pass --models models.yaml' });
    const { readPolicy } = await import('../methods/ccpo/index.ts');
    const { openAgents, refuseUnservable, routeApp, servedGuarantee } = await import('../router/index.ts');
    const { listen } = await import('../serve/index.ts');
    const policy = readPolicy(args.policy);
    const agents = await openAgents(file, { examples: [], seed, threads, progress });
    refuseUnservable(policy, agents);
    const guarantee = servedGuarantee(policy, agents);
    if (guarantee === 'void')
      progress.note('The policy was calibrated on other models or prompts: its guarantee is void.');
    try {
      const app = routeApp({ policy, guarantee, agents, decisions, shadow, auditRate, seed });
      const server = await listen({ app, host, port, timeout: requestSeconds });
      print(`listening on ${server.url}\n`);
      if (!signal.aborted) await new Promise((stopped) => signal.addEventListener('abort', stopped, { once: true }));
      await server.close();
      return { port: Number(new URL(server.url).port) };
    } finally {
      await agents.close();
    }
  },
});
