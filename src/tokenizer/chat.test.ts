import { expect, test } from 'vitest';
import { chatTemplate } from './chat.ts';

const chat = [
  { role: 'user', content: 'Say "é"' },
  { role: 'assistant', content: 'é' },
];

test('a template sees the messages, the special tokens and the wish for a reply', () => {
  const source =
    '{{ bos_token }}{% for m in messages %}\n  {% if m.role == "user" %}\n[{{ m.content | trim }}]\n  {% endif %}\n{% endfor %}' +
    '{% if add_generation_prompt %}>{% endif %}{% if tools is defined %}tools{% endif %}';
  const write = chatTemplate(source, { bos_token: '<s>' }, 'test');
  expect(write(chat, true)).toBe('<s>[Say "é"]\n>'); // blocks take their line and its indent with them
  expect(write(chat, false)).toBe('<s>[Say "é"]\n');
});

test('a template may write JSON and the date', () => {
  const write = chatTemplate("{{ messages[0] | tojson }} {{ strftime_now('%Y') }}", {}, 'test');
  expect(write(chat, false)).toMatch(/^\{"role": "user", "content": "Say \\"é\\""\} 2\d{3}$/);
});

test('what is not Jinja is refused in a sentence', () => {
  expect(() => chatTemplate('{% if %}', {}, 'model.gguf')).toThrow(/^model\.gguf: the chat template is not valid: /);
});

test('a template that does not end is stopped', () => {
  const endless = '{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}';
  expect(() => chatTemplate(endless, {}, 'test')(chat, false)).toThrow(/timed out/);
});
