/** What `cria serve` gives to several clients, beside llama.cpp. */
import { spawn } from 'node:child_process';
import { median, medianAndSpread, ratio, tell } from '../measure.mjs';
import { commandLine, model, node, script } from '../places.mjs';
import { firstTokens, tokensPerSecond } from '../serve-clients.mjs';

const slots = 8;
const endOfText = [0, 2]; // of SmolLM2: <|endoftext|> and <|im_end|>

export async function serving({ peers, threads, quick }) {
  const [tokens, prompt, rounds] = quick ? [32, 32, 2] : [64, 32, 5];
  const cria = await server(node, [
    ...[commandLine, 'serve', model(), '--port', 0, '--slots', slots, '--threads', threads, '--quiet'],
  ]);
  const llama = peers.llama
    ? await server(node, [
        ...[script('peers/llama-server.mjs'), model(), '--modules', peers.llama],
        ...['--threads', threads, '--slots', slots],
      ])
    : undefined;
  try {
    const { data } = await (await fetch(`${cria.url}/v1/models`)).json();
    const servers = { cria: { ...cria, model: data[0].id, forbidden: endOfText }, ...(llama ? { llama } : {}) };
    const measured = { cria: [], llama: [] };
    for (let i = 0; i <= rounds; i++) {
      if (i > 0) tell(`  round ${i} of ${rounds}`);
      for (const [name, { url, model: id, forbidden }] of Object.entries(servers)) {
        const of = (clients) => tokensPerSecond(url, { model: id, clients, tokens, prompt, forbidden });
        const figures = { one: await of(1), eight: await of(slots) };
        if (i > 0) measured[name].push({ ...figures, gain: figures.eight / figures.one });
      }
    }
    const first = [];
    for (let salt = 1; salt <= (quick ? 1 : 3); salt++)
      first.push(await firstTokens(cria.url, { model: data[0].id, shared: 1000, rounds: 5, salt }));
    const gains = measured.cria.map(({ gain }) => gain);
    return {
      title: 'Clients of a server',
      how: [
        `SmolLM2 Q4_1, ${slots} slots. Each client has a prompt of its own of ${prompt} ids and writes ${tokens} tokens, greedily; ` +
          `the end of a text is forbidden. ${rounds} rounds in turn after one that is not counted: cria with one client, with ` +
          `${slots}, llama.cpp with one, with ${slots}. llama.cpp is node-llama-cpp's context with ${slots} sequences behind ` +
          `a route of Node's own HTTP server${llama ? ` (${llama.about})` : ''}.`,
        'Shared prefix: the time to one token of a prompt of 1,000 ids and 16 more, and of five others with the same 1,000.',
      ],
      tables: [
        {
          head: ['tokens a second', 'one client', `${slots} clients`, 'gain'],
          rows: Object.entries(measured)
            .filter(([, runs]) => runs.length > 0)
            .map(([name, runs]) => [
              name === 'llama' ? 'llama.cpp' : name,
              ...['one', 'eight'].map((field) => medianAndSpread(runs.map((run) => run[field]))),
              medianAndSpread(
                runs.map((run) => run.gain),
                2,
                'x',
              ),
            ]),
        },
      ],
      figures: [
        {
          what: `${slots} clients to one`,
          measured: medianAndSpread(gains, 2, 'x'),
          asked: 'at least 2.5x',
          reached: median(gains) >= 2.5,
        },
        ratio(`${slots} clients, cria to llama.cpp`, measured.cria, llama && measured.llama, 'eight', 1.5),
        ratio('one client, cria to llama.cpp', measured.cria, llama && measured.llama, 'one'),
        sharedPrefix(first),
      ],
    };
  } finally {
    cria.stop();
    llama?.stop();
  }
}

function sharedPrefix(runs) {
  const seconds = (entries) => entries.map((entry) => entry.seconds);
  const firsts = seconds(runs.map(({ first }) => first));
  const again = seconds(runs.flatMap((run) => run.again));
  const ratios = runs.flatMap((run) => seconds(run.again).map((each) => each / run.first.seconds));
  return {
    what: 'first token behind a shared prefix, to that of the first request',
    measured: `${medianAndSpread(ratios, 3)}: ${medianAndSpread(again, 3, ' s')} after ${medianAndSpread(firsts, 2, ' s')}`,
    asked: 'at most 0.1',
    reached: Math.max(...ratios) <= 0.1,
  };
}

/** Starts a program that says where it listens. */
async function server(command, args) {
  const child = spawn(command, args.map(String), { stdio: ['ignore', 'pipe', 'inherit'] });
  const line = await new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (data) => {
      text += data;
      if (text.includes('\n')) resolve(text.split('\n')[0]);
    });
    child.on('exit', (code) => reject(new Error(`${args[0]} ended with ${code}`)));
  });
  const [, url, about] = /listening on (\S+) ?(.*)$/.exec(line);
  return { url, about, stop: () => child.kill('SIGKILL') };
}
