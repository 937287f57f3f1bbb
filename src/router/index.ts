export { writeLog, writeSimulation } from './folder.ts';
export { logPlace, logQuestions } from './log.ts';
export { openAgents, questionsToLog, refuseUnservable, servedGuarantee } from './open-agents.ts';
export { type Preset, presets } from './presets.ts';
export { routeApp } from './serve.ts';
