import { CriaError } from '../base/index.ts';
import { argument, defineVerb, flag, integer, number, text } from '../options/index.ts';

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
    if (file === undefined) throw new CriaError('there are no models', { remedy: 'give --models models.yaml' });
    const { readPolicy } = await import('../methods/ccpo/index.ts');
    const { openAgents, refuseUnservable, routeServer, servedGuarantee } = await import('../router/index.ts');
    const policy = readPolicy(args.policy);
    refuseUnservable(policy);
    const agents = await openAgents(file, { examples: [], seed, threads, progress });
    const guarantee = servedGuarantee(policy, agents);
    if (guarantee === 'void')
      progress.note('The policy was calibrated on other models or prompts: its guarantee is void.');
    const server = routeServer({ policy, guarantee, agents, decisions, shadow, auditRate, seed });
    try {
      await new Promise<void>((listening, failed) => {
        server.once('error', (error) =>
          failed(new CriaError(`cannot listen: ${error.message}`, { where: `${host}:${port}` })),
        );
        server.listen(port, host, listening);
      });
      const address = server.address();
      const bound = typeof address === 'object' && address ? address.port : port;
      print(`listening on http://${host}:${bound}\n`);
      await new Promise<void>((stopped) => signal.addEventListener('abort', () => stopped(), { once: true }));
      return { port: bound };
    } finally {
      server.closeAllConnections();
      server.close();
      await agents.close();
    }
  },
});
