export { type Device, defaultThreads, devices } from './devices.ts';
export { availableMemory } from './memory.ts';
export { type CompileOptions, compile, type Program, type Values } from './program.ts';
export { type ArrayOf, arrayTypes, integers, type NumericArray, scratch, type Value, value } from './values.ts';
