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
    scheme: choice(schemes, 'quantization scheme', 'rtn'),
    bits: choice(['auto', '8', '4', '3', '2'], 'bits per code (auto: 4, or 8 for int8)', 'auto'),
    group: text('inputs that share a scale: 32, 64, 128 or row (default: the largest that divides)', {
      placeholder: 'n',
    }),
    asymmetric: flag('use zero points (asymmetric grids)'),
    actOrder: flag('gptq: activation order: quantize inputs by decreasing second moment'),
    staticGroups: flag('gptq: compute scales before reordering, so that groups hold neighbouring inputs'),
    damp: number('gptq: damping, as a share of the mean diagonal of the second moment', {
      default: 0.01,
      min: 0,
      max: 1,
    }),
    calibration: text('gptq, awq: calibration text (.txt, .jsonl, .json, .csv or .parquet)', { placeholder: 'file' }),
    samples: integer('calibration windows', { default: 128, min: 1 }),
    sequence: integer('tokens in a window (default: 2048, or the context of the model)', { min: 2 }),
    imatrix: text('q4_k: weight the fit by an importance matrix of llama.cpp', { placeholder: 'file' }),
    writeImatrix: text('write an importance matrix of the calibration text to this file', { placeholder: 'file' }),
    nested: flag('nf4: quantize the scales too (double quantization)'),
    keep: several(text('matrices to leave unquantized, by name or glob', pattern)),
    schemeFor: several(
      text('another scheme for matching matrices, for example lm_head.weight=q8_0', {
        placeholder: 'pattern=scheme',
      }),
    ),
    format: choice(formats, 'output format (auto: one that holds the scheme)', 'auto'),
    simulate: flag('write decoded float weights'),
    dtype: choice(['auto', 'f32', 'f16', 'bf16'], 'with --simulate: float type (auto: that of the base)', 'auto'),
    requantize: flag('allow a model that is already quantized'),
    fallback: flag('fail if a matrix would be stored in another type', true),
    measure: text('a text file for a comparison with the base model', { placeholder: 'file' }),
    dryRun: flag('print the plan and sizes, then exit'),
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
      const estimate = estimateOf(model.checkpoint, model.config, plan, asked);
      const cost = `about ${duration(estimate.seconds)} and ${byteSize(estimate.memory)} of memory`;
      if (dryRun) {
        print(
          `${plan.targets.length} matrices by ${scheme} as ${plan.format}: about ${byteSize(estimate.bytes)}, ` +
            `${figure(estimate.bitsPerWeight)} bits per weight, in ${cost}; ${plan.kept.length} matrices stay\n`,
        );
        const { format, kept } = plan;
        const tensors = plan.targets.map(({ name, quantizer, fallback }) => ({ name, ...quantizer, fallback }));
        return { ...estimate, format, simulated: format === 'hf', tensors, kept, path: args.out };
      }
      if (estimate.seconds > 60) progress.note(`It will take ${cost} on two cores.`);
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
      if (fallen > 0) progress.note(`${fallen} of ${tensors.length} matrices are stored in other types.`);
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
  throw new CriaError(`'${given}' is not a group size`, { where: '--group', remedy: 'use 32, 64, 128 or row' });
}

/** @throws CriaError when the output's name says something else than the format. */
function refuseName(out: string, format: string): void {
  if (format !== 'gguf') refuseGgufName(out, 'a GGUF scheme, or a folder name');
  else if (!out.endsWith('.gguf'))
    throw new CriaError('must end in .gguf', { where: out, remedy: `name it ${out}.gguf` });
}
