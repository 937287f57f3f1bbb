import { expect, test } from 'vitest';
import { Real } from '../base/index.ts';
import { chatTemplate } from './chat.ts';

const chat = [
  { role: 'user', content: 'Say "é"' },
  { role: 'assistant', content: 'é' },
];
const writer = (plain: string, tokens = {}, withTools?: string) => chatTemplate({ plain, withTools }, tokens, 'test');

test('a template sees the messages, the special tokens and the wish for a reply', () => {
  const source =
    '{{ bos_token }}{% for m in messages %}\n  {% if m.role == "user" %}\n[{{ m.content | trim }}]\n  {% endif %}\n{% endfor %}' +
    '{% if add_generation_prompt %}>{% endif %}{% if tools %}tools{% endif %}{{ tools is none }}';
  const write = writer(source, { bos_token: '<s>' });
  expect(write(chat, { addGenerationPrompt: true })).toBe('<s>[Say "é"]\n>True'); // blocks take their line and its indent
  expect(write(chat, {})).toBe('<s>[Say "é"]\nTrue');
  expect(write(chat, { tools: [{}] })).toBe('<s>[Say "é"]\ntoolsFalse');
});

test('a template may write JSON, whose floats stay floats, and the date', () => {
  const write = writer("{{ messages[0] | tojson }} {{ tools | tojson }} {{ strftime_now('%Y') }}");
  const tools = [{ minimum: new Real(1), maximum: 2 }];
  expect(write(chat, { tools })).toMatch(
    /^\{"role": "user", "content": "Say \\"é\\""\} \[\{"minimum": 1\.0, "maximum": 2\}\] 2\d{3}$/,
  );
});

test('a conversation with tools has a template of its own where the model has one', () => {
  const write = writer('plain', {}, '{{ tools | length }} tools');
  expect(write(chat, { tools: [{}] })).toBe('1 tools');
  expect(write(chat, {})).toBe('plain');
});

test('messages reach a template as transformers hands them on: nulls left out, what was thought under every name', () => {
  const write = writer('{% for m in messages %}{{ m.keys() | join(",") }};{% endfor %}');
  const thought = { role: 'assistant', content: null, thinking: 'hm', tool_calls: [{}] };
  expect(write([thought], {})).toBe('thinking,role,tool_calls,reasoning_content;');
});

test('parts of text are read by the template, or joined where it takes texts alone', () => {
  const parts = [
    {
      role: 'user',
      content: [
        { type: 'text', text: 'a' },
        { type: 'text', text: 'b' },
      ],
    },
  ];
  const image = [{ role: 'user', content: [{ type: 'image', url: 'x' }] }];
  const aware =
    '{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}{{ p.text if p.type == "text" else "<img>" }}{% endfor %}{% endif %}{% endfor %}';
  expect(writer(aware)(parts, {})).toBe('ab');
  expect(writer(aware)(image, {})).toBe('<img>');
  const unaware = '{{ messages[0].content }}';
  expect(writer(unaware)(parts, {})).toBe('a\nb');
  expect(() => writer(unaware)(image, {})).toThrow("a part of a message has type 'image': only text is supported");
});

test('what is not Jinja is refused in a sentence', () => {
  expect(() => chatTemplate({ plain: '{% if %}', withTools: undefined }, {}, 'model.gguf')).toThrow(
    /^model\.gguf: the chat template is not valid: /,
  );
});

test('a template that does not end is stopped', () => {
  const endless = '{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}';
  expect(() => writer(endless)(chat, {})).toThrow(/takes too long/);
});
