export { analogyLines, entityNames } from './lists.ts';
export { isRefusal } from './skills/requests.ts';
export { textsOf } from './text.ts';
export type { HeldOut, Message, Skill, WorldRow } from './types.ts';
export { drawRow, mixture, usualDictionary, type World, wholeDictionary, worldOf } from './world.ts';
export { type WorldSize, type Written, writeWorld } from './write.ts';
