export {
  adapterOption,
  bosOption,
  columnsOption,
  commonOptions,
  forceOption,
  modelArgument,
  resumeOption,
  templateOption,
  weightsOption,
} from './common.ts';
export { modelPath, pulledFolder } from './model-path.ts';
export {
  type Argument,
  type Arguments,
  anyArguments,
  argument,
  choice,
  defaultsOf,
  flag,
  integer,
  integers,
  type JsonSchema,
  manyArguments,
  number,
  type Option,
  type Options,
  type OptionValues,
  optionalArgument,
  repeated,
  several,
  text,
  words,
} from './options.ts';
export { type PropertySchema, schemaOf, type VerbSchema } from './schema.ts';
export { type Context, defineVerb, type Verb, type VerbEntry } from './verb.ts';
