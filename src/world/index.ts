export { isRefusal } from './skills/requests.ts';
export { textsOf } from './text.ts';
export type { HeldOut, Message, Skill, WorldRow } from './types.ts';
export { drawRow, mixture, type World, worldOf } from './world.ts';
export { type WorldSize, type Written, writeWorld } from './write.ts';
