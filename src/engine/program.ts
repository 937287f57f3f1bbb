import { CriaError, messageOf } from '../base/index.ts';
import { byteSize, type Dtype, externalFile, type LoweredGraph, lower, type Outputs } from '../tensor/index.ts';
import { type Device, executionProviders } from './devices.ts';
import { arrayTypes, type NumericArray, type Value } from './values.ts';

// loaded when the first program is compiled: the command line answers --help without it
type Runtime = typeof import('onnxruntime-node');
type RuntimeTensor = InstanceType<Runtime['Tensor']>;

export interface CompileOptions {
  readonly device?: Device;
  readonly threads?: number;
  /**
   * It is run in turns with other programs: its threads sleep in between, where they would else wait busily for the next
   * run for some milliseconds and take the cores from the others.
   */
  readonly takesTurns?: boolean;
  /**
   * It is one of a few programs that are run right after each other: its threads wait busily within a run, where there is
   * always more to do, and sleep when it ends.
   */
  readonly isStage?: boolean;
  /**
   * Values bound once: the runtime packs them for its kernels. It reads `data` while the session is made and may
   * keep reading it afterwards, so it is not to be changed. Inputs that are not named here are fed in every run.
   */
  readonly weights?: (name: string) => Value | undefined;
}

export type Values = Readonly<Record<string, Value>>;

/** A compiled graph. */
export interface Program {
  readonly inputs: LoweredGraph['inputs'];
  readonly outputs: LoweredGraph['outputs'];
  /**
   * Computes every output. Inputs are read in place, not copied. Results named in `into` are written into its
   * arrays, which may be an input's own when the graph is elementwise there.
   * @throws CriaError when an input is missing or has another type, or the runtime fails.
   */
  run(feeds: Values, into?: Values): Promise<Values>;
  /** Frees the session; running afterwards is an error. */
  dispose(): Promise<void>;
}

const runtimeTypes: Readonly<Record<Dtype, string>> = {
  f32: 'float32',
  f64: 'float64',
  f16: 'float16',
  i64: 'int64',
  i32: 'int32',
  u8: 'uint8',
  i8: 'int8',
  bool: 'bool',
};

/** Compiles a graph for a device. @throws CriaError when the runtime refuses it. */
export async function compile(outputs: Outputs, options: CompileOptions = {}): Promise<Program> {
  const runtime = await import('onnxruntime-node');
  const bound = new Map<string, Value>();
  const graph = lower(outputs, (name) => {
    const weight = options.weights?.(name);
    if (weight) bound.set(name, weight);
    return weight !== undefined;
  });
  const externalData = [...graph.weights.values()].map((weight) => ({
    path: externalFile(weight.name),
    data: checkedWeight(bound.get(weight.name) as Value, weight.name, weight.dtype, weight.shape),
  }));
  let session: Awaited<ReturnType<Runtime['InferenceSession']['create']>>;
  try {
    session = await runtime.InferenceSession.create(graph.bytes, {
      executionProviders: executionProviders(options.device ?? 'cpu'),
      intraOpNumThreads: options.threads ?? 0,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      enableMemPattern: false, // it keeps a second place for every intermediate result beside the arena's
      logSeverityLevel: 3,
      extra: {
        session: {
          force_spinning_stop: options.isStage ? '1' : '0',
          intra_op: { allow_spinning: options.takesTurns ? '0' : '1' },
        },
      },
      externalData,
    });
  } catch (error) {
    throw new CriaError(`the runtime could not compile a graph: ${firstLine(error)}`, {
      kind: 'failure',
      cause: error,
    });
  }
  bound.clear();
  return program(runtime, session, graph);
}

function program(
  runtime: Runtime,
  session: Awaited<ReturnType<Runtime['InferenceSession']['create']>>,
  graph: LoweredGraph,
): Program {
  const wrap = (value: Value): RuntimeTensor =>
    new runtime.Tensor(runtimeTypes[value.dtype] as 'float32', value.data as Float32Array, value.shape);
  return {
    inputs: graph.inputs,
    outputs: graph.outputs,
    async run(feeds, into = {}) {
      const given: Record<string, RuntimeTensor> = {};
      for (const [name, type] of graph.inputs) given[name] = wrap(checkedFeed(feeds[name], name, type.dtype));
      const fetches: Record<string, RuntimeTensor | null> = {};
      for (const name of graph.outputs.keys()) fetches[name] = into[name] ? wrap(into[name] as Value) : null;
      let results: Awaited<ReturnType<typeof session.run>>;
      try {
        results = await session.run(given, fetches);
      } catch (error) {
        throw new CriaError(`the runtime failed: ${firstLine(error)}`, { kind: 'failure', cause: error });
      }
      const values: Record<string, Value> = {};
      for (const [name, { dtype }] of graph.outputs) {
        const { data, dims } = results[name] as RuntimeTensor;
        values[name] = into[name] ?? { dtype, shape: dims, data: data as NumericArray };
      }
      return values;
    },
    dispose: () => session.release(),
  };
}

function checkedFeed(value: Value | undefined, name: string, dtype: Dtype): Value {
  if (!value) throw new CriaError(`the input ${name} of the graph is missing`, { kind: 'failure' });
  if (value.dtype !== dtype || !(value.data instanceof arrayTypes[dtype])) {
    throw new CriaError(`the input ${name} must be ${dtype} (got ${value.dtype})`, { kind: 'failure' });
  }
  return value;
}

function checkedWeight(value: Value, name: string, dtype: Dtype, shape: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(value.data.buffer, value.data.byteOffset, value.data.byteLength);
  if (value.dtype !== dtype || bytes.length !== byteSize(dtype, shape)) {
    throw new CriaError(`the weight ${name} must be ${dtype} [${shape.join(', ')}]`, { kind: 'failure' });
  }
  return bytes;
}

const firstLine = (error: unknown) => messageOf(error).split('\n')[0];
