import { byteSize, CriaError, duration, figure, silent } from '../base/index.ts';
import {
  argument,
  choice,
  defineVerb,
  flag,
  forceOption,
  integer,
  modelArgument,
  modelPath,
  number,
  resumeOption,
  several,
  text,
} from '../options/index.ts';
import { refuseGgufName, refuseOutput } from './shared/output.ts';
import { provenanceFor, withModel } from './shared/with-model.ts';

const schemes = ['rtn', 'gptq', 'awq', 'nf4', 'int8', 'q8_0', 'q4_0', 'q4_1', 'q5_0', 'q5_1', 'q4_k', 'q6_k'] as const;
const formats = ['auto', 'hf', 'gptq', 'awq', 'compressed-tensors', 'bitsandbytes', 'gguf'] as const;
const pattern = { placeholder: 'pattern' };

export const verb = defineVerb({
  arguments: { model: modelArgument, out: argument('the folder or the .gguf file to write') },
  options: {
    scheme: choice(schemes, 'how weights are quantized', 'rtn'),
    bits: choice(['auto', '8', '4', '3', '2'], 'bits of a code (auto: 4, for int8 8)', 'auto'),
    group: text('inputs that share a scale: 32, 64, 128 or row (default: the largest that divides)', {
      placeholder: 'n',
    }),
    asymmetric: flag('grids with a zero of their own, not around 0'),
    actOrder: flag('gptq: quantize inputs by falling second moment'),
    staticGroups: flag('gptq: fit the grids of neighbouring inputs before'),
    damp: number('gptq: added to the diagonal of the second moment, as a share of its mean', {
      default: 0.01,
      min: 0,
      max: 1,
    }),
    calibration: text('the text of gptq and awq: .txt, .jsonl, .json, .csv or .parquet', { placeholder: 'file' }),
    samples: integer('windows of it', { default: 128, min: 1 }),
    sequence: integer('tokens in a window (default: 2048, or what the model takes)', { min: 2 }),
    imatrix: text('q4_k: an importance matrix of llama.cpp, which weights the fit', { placeholder: 'file' }),
    writeImatrix: text('where an importance matrix of the calibration text is written', { placeholder: 'file' }),
    nested: flag('nf4: quantize the scales too'),
    keep: several(text('matrices that stay as they are, by name or glob', pattern)),
    schemeFor: several(
      text('another scheme for some matrices, as in lm_head.weight=q8_0', {
        placeholder: 'pattern=scheme',
      }),
    ),
    format: choice(formats, 'what is written (auto: what fits the scheme)', 'auto'),
    simulate: flag('write an ordinary folder of decoded weights'),
    dtype: choice(['auto', 'f32', 'f16', 'bf16'], "the float type of such a folder (auto: the base's)", 'auto'),
    requantize: flag('quantize a model that is quantized already'),
    fallback: flag('refuse where a matrix would be held in another type', true),
    measure: text('a text file on which it is compared with the model that it is made of', { placeholder: 'file' }),
    dryRun: flag('print sizes and what would be done, and do nothing'),
    resume: resumeOption,
    force: forceOption,
  },
  examples: [
    'quantize org/name model.gguf --scheme q4_k',
    'quantize org/name small --scheme rtn --bits 4 --group 64 --format compressed-tensors',
  ],
  async run({ args, options, progress, signal, print }) {
    const { json: _, quiet: __, resume, force, dryRun, threads, ...said } = options;
    const { scheme, seed, dtype, group } = said;
    const { bitsPerWeight, estimateOf, planOf, quantizeModel } = await import('../quantize/index.ts');

    refuseOutput(args.out, force, [modelPath(args.model)]);
    const asked = {
      ...said,
      resume,
      force,
      bits: options.bits === 'auto' ? undefined : (Number(options.bits) as 8 | 4 | 3 | 2),
      group: groupOf(group),
      format: options.format === 'auto' ? undefined : options.format,
      dtype: dtype === 'auto' ? undefined : (dtype.toUpperCase() as 'F32' | 'F16' | 'BF16'),
    };
    return withModel({ model: args.model, weights: 'f32', threads, progress }, async ({ model }) => {
      const plan = planOf(model.checkpoint, model.config, asked, dryRun ? progress : silent); // the run notes it again
      refuseName(args.out, plan.format);
      if (dryRun) {
        const estimate = estimateOf(model.checkpoint, model.config, plan, asked);
        print(
          `${plan.targets.length} matrices by ${scheme} as ${plan.format}: about ${byteSize(estimate.bytes)}, ` +
            `${figure(estimate.bitsPerWeight)} bits per weight, in about ${duration(estimate.seconds)} and ` +
            `${byteSize(estimate.memory)} of memory; ${plan.kept.length} matrices stay\n`,
        );
        const { format, kept } = plan;
        const tensors = plan.targets.map(({ name, quantizer, fallback }) => ({ name, ...quantizer, fallback }));
        return { ...estimate, format, simulated: format === 'hf', tensors, kept, path: args.out };
      }
      const files = [said.calibration, said.imatrix, said.measure];
      const provenance = await provenanceFor('quantize', args.model, said, { files, seed, progress, signal });
      const result = await quantizeModel(model, args.out, asked, provenance, { progress, signal });
      const bits = bitsPerWeight(result.tensors);
      const tensors = result.tensors.map(({ bits: ___, elements: ____, ...each }) => each);
      const measured = result.measured?.comparison;
      if (measured) {
        print(
          `perplexity ${figure(measured.referencePerplexity)} before, ${figure(measured.perplexity)} after; ` +
            `KL ${figure(measured.kl)}, same likeliest token ${(100 * measured.sameTop).toFixed(1)}%\n`,
        );
      }
      const fallen = tensors.filter(({ fallback }) => fallback !== undefined).length;
      if (fallen > 0) progress.note(`${fallen} of ${tensors.length} matrices are held otherwise than asked for.`);
      print(
        `${args.out}: ${tensors.length} matrices at ${figure(bits)} bits per weight, ` +
          `${byteSize(result.bytes)} in ${figure(result.seconds)} s\n`,
      );
      return {
        path: args.out,
        bytes: result.bytes,
        bitsPerWeight: bits,
        format: plan.format,
        simulated: plan.format === 'hf',
        tensors,
        kept: plan.kept,
        ...(measured && {
          perplexityBefore: measured.referencePerplexity,
          perplexityAfter: measured.perplexity,
          deltaNll: measured.deltaNll,
          low: measured.low,
          high: measured.high,
          kl: measured.kl,
          sameTop: measured.sameTop,
        }),
        seconds: result.seconds,
      };
    });
  },
});

function groupOf(given: string | undefined): number | 'row' | undefined {
  if (given === undefined || given === 'row') return given;
  if (/^[1-9]\d*$/.test(given)) return Number(given);
  throw new CriaError(`'${given}' is not a group`, { where: '--group', remedy: 'give 32, 64, 128 or row' });
}

/** @throws CriaError when the output's name says something else than the format. */
function refuseName(out: string, format: string): void {
  if (format !== 'gguf') refuseGgufName(out, 'a GGUF scheme, or a folder name');
  else if (!out.endsWith('.gguf'))
    throw new CriaError('is to be one GGUF file', { where: out, remedy: `name it ${out}.gguf` });
}
