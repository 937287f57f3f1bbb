export {
  adapterOption,
  columnsOption,
  commonOptions,
  forceOption,
  modelArgument,
  templateOption,
  weightsOption,
} from './common.ts';
export { modelPath, pulledFolder } from './model-path.ts';
export {
  type Argument,
  type Arguments,
  argument,
  choice,
  flag,
  integer,
  integers,
  manyArguments,
  number,
  type Option,
  type Options,
  type OptionValues,
  optionalArgument,
  repeated,
  text,
} from './options.ts';
export { type Context, defineVerb, type Verb, type VerbEntry } from './verb.ts';
