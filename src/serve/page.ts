/** The page at /: a conversation with a model, in one file that loads nothing. */
export const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>cria</title>
<style>
  :root { color-scheme: light dark; --back: #ffffff; --text: #1a1a1a; --soft: #f0f0ee; --line: #767676; --own: #0b57a4; }
  @media (prefers-color-scheme: dark) { :root { --back: #16181b; --text: #ececec; --soft: #24272b; --line: #9a9a9a; --own: #9cc9ff; } }
  * { box-sizing: border-box; }
  body { margin: 0; font: 16px/1.5 system-ui, sans-serif; background: var(--back); color: var(--text); height: 100dvh; display: flex; flex-direction: column; }
  header, form { display: flex; gap: .5rem; padding: .6rem; align-items: center; flex-wrap: wrap; }
  h1 { font-size: 1.1rem; margin: 0 auto 0 0; }
  main { flex: 1; overflow-y: auto; padding: .6rem; }
  main p { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0 0 .6rem; padding: .5rem .7rem; border-radius: .5rem; background: var(--soft); max-width: 46rem; }
  main p.user { color: var(--own); background: none; border: 1px solid var(--line); }
  textarea { flex: 1; min-width: 12rem; resize: vertical; }
  textarea, select, input, button { font: inherit; color: inherit; background: var(--back); border: 1px solid var(--line); border-radius: .4rem; padding: .4rem .6rem; }
  :focus-visible { outline: 3px solid var(--own); outline-offset: 1px; }
  button:disabled { opacity: .6; }
</style>
<header>
  <h1>cria</h1>
  <label>Model <select id="model"></select></label>
  <label>Key <input id="key" type="password" size="8" autocomplete="off"></label>
  <button id="new" type="button">New</button>
</header>
<main id="talk" aria-live="polite" tabindex="0" aria-label="conversation"></main>
<form id="form">
  <textarea id="text" rows="2" aria-label="message" placeholder="Say something (Enter sends, Shift+Enter breaks the line)" required></textarea>
  <button id="send">Send</button>
  <button id="stop" type="button" disabled>Stop</button>
</form>
<script>
const at = (id) => document.getElementById(id);
let messages = [], running;
const headers = () => ({ 'content-type': 'application/json', ...(at('key').value ? { authorization: 'Bearer ' + at('key').value } : {}) });
const show = (role, text) => {
  const p = document.createElement('p');
  p.className = role;
  p.textContent = text;
  at('talk').append(p);
  p.scrollIntoView();
  return p;
};
async function models() {
  try {
    const { data = [] } = await (await fetch('/v1/models', { headers: headers() })).json();
    at('model').replaceChildren(...data.map(({ id }) => new Option(id)));
  } catch { show('error', 'The server does not answer.'); }
}
async function say(content) {
  messages.push({ role: 'user', content });
  show('user', content);
  const p = show('assistant', '');
  running = new AbortController();
  at('send').disabled = true;
  at('stop').disabled = false;
  let answer = '';
  try {
    const body = JSON.stringify({ model: at('model').value, messages, stream: true });
    const response = await fetch('/v1/chat/completions', { method: 'POST', headers: headers(), body, signal: running.signal });
    if (!response.ok) throw new Error((await response.json()).error.message);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let held = ''; ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (held + value).split('\\n\\n');
      held = lines.pop();
      for (const line of lines) {
        if (line === 'data: [DONE]') continue;
        const event = JSON.parse(line.slice(6));
        if (event.error) throw new Error(event.error.message);
        answer += event.choices[0]?.delta.content ?? '';
        p.textContent = answer;
      }
    }
  } catch (error) {
    if (error.name !== 'AbortError') show('error', error.message);
  }
  if (answer) messages.push({ role: 'assistant', content: answer });
  else messages.pop();
  at('send').disabled = false;
  at('stop').disabled = true;
  at('text').focus();
}
at('form').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = at('text').value.trim();
  if (!text || at('send').disabled) return;
  at('text').value = '';
  say(text);
});
at('text').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) { event.preventDefault(); at('form').requestSubmit(); }
});
at('stop').addEventListener('click', () => running?.abort());
at('new').addEventListener('click', () => { messages = []; at('talk').replaceChildren(); at('text').focus(); });
at('key').addEventListener('change', models);
models();
at('text').focus();
</script>
</html>
`;
