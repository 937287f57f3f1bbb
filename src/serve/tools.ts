import { randomUUID } from 'node:crypto';
import { followable } from './schema.ts';

export interface ToolCall {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: string };
}

/** How the formats in use begin a call: Hermes and Qwen, Llama 3, Mistral. */
const beginnings = ['<tool_call>', '<|python_tag|>', '[TOOL_CALLS]'];

/**
 * The calls in an answer and the text beside them. Known are `<tool_call>{…}</tool_call>` (Hermes, Qwen),
 * `{"name", "parameters"}` (Llama 3) and `[TOOL_CALLS][{…}]` or `[TOOL_CALLS]name[ARGS]{…}` (Mistral); what does not name one of `names` is text.
 */
export function toolCallsIn(text: string, names: readonly string[]): { content: string; calls: ToolCall[] } {
  const found: ToolCall[] = [];
  const take = (json: string): boolean => {
    const calls = callsOf(json, names);
    found.push(...calls);
    return calls.length > 0;
  };
  const hermes = /<tool_call>\s*([\s\S]*?)\s*(?:<\/tool_call>|$)/g;
  const content = text.replace(hermes, (whole, json: string) => (take(json) ? '' : whole));
  if (found.length > 0) return { content: content.trim(), calls: found };
  const named = [...text.matchAll(/\[TOOL_CALLS\]\s*([\w.-]+)\[ARGS\](\{[\s\S]*?\})(?=\[TOOL_CALLS\]|\s*$)/g)];
  for (const [, name, args] of named) take(JSON.stringify({ name, arguments: parsed(args as string) }));
  if (found.length === 0) take(text.trim().replace(/^(<\|python_tag\|>|\[TOOL_CALLS\])\s*/, ''));
  if (found.length > 0) return { content: '', calls: found };
  return { content: text, calls: [] };
}

/** How much of a text may be given out: not what may be, or become, a call. */
export function beforeCalls(text: string): number {
  if (/^\s*[[{]/.test(text)) return 0;
  const starts = beginnings.map((beginning) => {
    const whole = text.indexOf(beginning);
    if (whole >= 0) return whole;
    for (let length = Math.min(beginning.length - 1, text.length); length > 0; length--) {
      if (text.endsWith(beginning.slice(0, length))) return text.length - length;
    }
    return text.length;
  });
  return Math.min(...starts);
}

function callsOf(json: string, names: readonly string[]): ToolCall[] {
  const value = parsed(json);
  const calls = (Array.isArray(value) ? value : [value]).map((each): ToolCall | undefined => {
    if (typeof each !== 'object' || each === null) return undefined;
    const { name, arguments: args, parameters } = each as Readonly<Record<string, unknown>>;
    if (typeof name !== 'string' || !names.includes(name)) return undefined;
    const given = args ?? parameters ?? {};
    const written = typeof given === 'string' ? given : JSON.stringify(given);
    return {
      id: `call_${randomUUID().replaceAll('-', '').slice(0, 24)}`,
      type: 'function',
      function: { name, arguments: written },
    };
  });
  return calls.every((call) => call !== undefined) ? (calls as ToolCall[]) : [];
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

interface Tool {
  readonly function: {
    readonly name: string;
    readonly parameters?: unknown;
    readonly strict?: boolean | null | undefined;
  };
}

/**
 * The schema of a call of one of some tools: what `tool_choice` lets be written. Keywords of parameters that are not supported
 * are refused where a tool is strict, and left out otherwise.
 * @throws ApiError (400) when parameters cannot be followed.
 */
export function callSchema(tools: readonly Tool[]): object {
  const parametersOf = ({ function: { parameters, strict } }: Tool, i: number) => {
    const options = { param: 'tools', isLenient: strict !== true, base: `/$defs/${i}` };
    return [String(i), followable(parameters ?? { type: 'object' }, options)];
  };
  const call = ({ function: { name } }: Tool, i: number) => ({
    type: 'object',
    properties: { name: { const: name }, arguments: { $ref: `#/$defs/${i}` } },
    required: ['name', 'arguments'],
    additionalProperties: false,
  });
  return { $defs: Object.fromEntries(tools.map(parametersOf)), anyOf: tools.map(call) };
}
