import { figure } from '../../base/index.ts';
import type { HeatMaps, Page, Section, Table } from '../../report/index.ts';
import { mean } from '../../statistics/index.ts';
import { verdict } from '../compare/rows.ts';
import { bitsPerWeight, type TensorResult } from './result.ts';
import type { Measured, Writing, Written } from './write.ts';

/** What a person looks at: the error of every matrix by block and linear map, what was kept, and how to ship it. */
export function quantizePage({ tensors, plan, options, provenance }: Writing, { bytes, measured }: Written): Page {
  const errors = tensors.map(({ relativeError }) => relativeError);
  const worst = tensors.reduce((a, b) => (b.relativeError > a.relativeError ? b : a));
  return {
    title: `${provenance.source} by ${options.scheme}`,
    summary:
      `${tensors.length} matrices at ${figure(bitsPerWeight(tensors))} bits per weight, ${figure(bytes / 1e6)} MB of ` +
      `weight files. Mean relative error ${figure(mean(errors))}; the largest, ${figure(worst.relativeError)}, is that of ${worst.name}.`,
    sections: [
      ...(measured ? [measurement(measured)] : []),
      { title: 'Error by matrix', parts: errorMaps(tensors) },
      shipping(plan.format),
      fallbacks(tensors),
      keptMatrices(plan.kept),
      { title: 'Every matrix', parts: [table(tensors)] },
    ].filter(({ parts }) => parts.length > 0),
  };
}

const place = /^model\.layers\.(\d+)\.\w+\.(\w+)\.weight$/;

/** Relative errors, and output errors where they are known, as maps of block by linear map. */
function errorMaps(tensors: readonly TensorResult[]): HeatMaps[] {
  const kinds = [
    { title: 'Relative error of the weights, |W - Wq| / |W|', of: (tensor: TensorResult) => tensor.relativeError },
    {
      title: 'Relative error of the outputs on the calibration text',
      of: (tensor: TensorResult) => tensor.outputError,
    },
  ];
  const cells = tensors.flatMap((tensor) => {
    const [, layer, linear] = place.exec(tensor.name) ?? [];
    return layer !== undefined && linear !== undefined ? [{ layer, linear, tensor }] : [];
  });
  const rows = [...new Set(cells.map(({ layer }) => layer))];
  const columns = [...new Set(cells.map(({ linear }) => linear))];
  return kinds.flatMap(({ title, of }) => {
    const values = new Map(cells.map(({ layer, linear, tensor }) => [`${layer} ${linear}`, of(tensor)]));
    if (![...values.values()].some((value) => value !== undefined)) return [];
    const map = rows.map((layer) => columns.map((linear) => values.get(`${layer} ${linear}`) ?? Number.NaN));
    const [least, most] = [
      Math.min(...map.flat().filter(Number.isFinite)),
      Math.max(...map.flat().filter(Number.isFinite)),
    ];
    return {
      kind: 'heat' as const,
      title,
      alt: `${title}, by block and linear map: from ${figure(least)} to ${figure(most)}.`,
      value: 'relative error',
      scale: 'sequential' as const,
      rows: 'block',
      columns: 'linear map',
      maps: [{ title: '', rows, columns, values: map }],
    };
  });
}

const commands: Readonly<Record<string, string>> = {
  gguf: 'llama-server -m OUT',
  gptq: 'vllm serve OUT',
  awq: 'vllm serve OUT',
  'compressed-tensors': 'vllm serve OUT',
  bitsandbytes: 'transformers: AutoModelForCausalLM.from_pretrained("OUT")',
  hf: 'cria convert OUT model.gguf --to gguf',
};

function measurement({ comparison, windows }: Measured): Section {
  const { referencePerplexity, perplexity, deltaNll, low, high, kl, sameTop } = comparison;
  return {
    title: 'On the text',
    parts: [
      {
        kind: 'prose',
        text: `Beside the model that it was made of, on ${windows.length} windows, it ${verdict(deltaNll, low, high)}.`,
      },
      {
        kind: 'table',
        title: '',
        columns: [{ label: '' }, { label: 'before' }, { label: 'after' }],
        rows: [
          ['perplexity', referencePerplexity, perplexity],
          ['KL to the model before, nats', null, kl],
          ['same likeliest token, %', null, 100 * sameTop],
        ],
      },
    ],
  };
}

function shipping(format: string): Section {
  const said =
    format === 'hf' ? 'The folder holds decoded weights: it measures a scheme, and takes the space of the base. ' : '';
  return { title: 'To run it elsewhere', parts: [{ kind: 'prose', text: `${said}${commands[format]}` }] };
}

function fallbacks(tensors: readonly TensorResult[]): Section {
  const fallen = tensors.flatMap(({ name, fallback }) => (fallback === undefined ? [] : [[name, fallback]]));
  const columns = [{ label: 'matrix' }, { label: 'held as' }];
  const parts = fallen.length > 0 ? [{ kind: 'table' as const, title: '', columns, rows: fallen }] : [];
  return { title: 'Held otherwise than asked for', parts };
}

function keptMatrices(kept: readonly string[]): Section {
  return { title: 'Not quantized', parts: kept.length > 0 ? [{ kind: 'prose', text: kept.join(', ') }] : [] };
}

function table(tensors: readonly TensorResult[]): Table {
  return {
    kind: 'table',
    title: '',
    columns: [
      { label: 'matrix' },
      { label: 'scheme' },
      { label: 'bits per weight' },
      { label: 'relative error', better: 'lower' },
      { label: 'output error', better: 'lower' },
    ],
    rows: tensors.map(({ name, scheme, bits, elements, relativeError, outputError }) => [
      name,
      scheme,
      bits / elements,
      relativeError,
      outputError ?? null,
    ]),
  };
}
