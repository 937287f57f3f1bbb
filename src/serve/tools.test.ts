import { expect, test } from 'vitest';
import { beforeCalls, toolCallsIn } from './tools.ts';

const names = ['weather', 'time'];
const call = (name: string, args: object) => ({ name, arguments: JSON.stringify(args) });

test.each([
  [
    'Hermes, Qwen',
    'Let me see.\n<tool_call>\n{"name": "weather", "arguments": {"city": "Lima"}}\n</tool_call>',
    'Let me see.',
    [call('weather', { city: 'Lima' })],
  ],
  [
    'several',
    '<tool_call>{"name":"weather","arguments":{}}</tool_call>\n<tool_call>{"name":"time","arguments":{"a":1}}</tool_call>',
    '',
    [call('weather', {}), call('time', { a: 1 })],
  ],
  ['Llama 3', '{"name": "weather", "parameters": {"city": "Lima"}}', '', [call('weather', { city: 'Lima' })]],
  ['Llama 3 with its tag', '<|python_tag|>{"name": "time", "parameters": {}}', '', [call('time', {})]],
  [
    'Mistral',
    '[TOOL_CALLS] [{"name": "weather", "arguments": {"city": "Lima"}}, {"name": "time", "arguments": {}}]',
    '',
    [call('weather', { city: 'Lima' }), call('time', {})],
  ],
  ['Mistral, newer', '[TOOL_CALLS]weather[ARGS]{"city": "Lima"}', '', [call('weather', { city: 'Lima' })]],
  ['a tool that there is not', '{"name": "fly", "arguments": {}}', '{"name": "fly", "arguments": {}}', []],
  ['other JSON', '[1, 2]', '[1, 2]', []],
  ['half a call', '<tool_call>{"name": "wea', '<tool_call>{"name": "wea', []],
])('%s', (_, text, content, calls) => {
  const found = toolCallsIn(text, names);
  expect([found.content, found.calls.map((each) => each.function)]).toEqual([content, calls]);
});

test('text is given out up to what may become a call', () => {
  expect(
    ['Hello', 'Hello <tool', 'Hello <table>', '{"a', 'x [TOOL'].map((text) => text.slice(0, beforeCalls(text))),
  ).toEqual(['Hello', 'Hello ', 'Hello <table>', '', 'x ']);
});
