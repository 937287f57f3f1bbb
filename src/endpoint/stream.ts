import { createParser } from 'eventsource-parser';
import { CriaError } from '../base/index.ts';

const longestEvent = 2 ** 20; // characters
const endOfStream = '[DONE]'; // OpenAI's last event

/**
 * The data of the server-sent events in a response, until OpenAI's `[DONE]`. `received` is called for every piece of
 * the body that arrives.
 * @throws CriaError when an event is longer than 1 Mi characters.
 */
export async function* eventsOf(response: Response, received: () => void): AsyncGenerator<string, void> {
  const waiting: string[] = [];
  let tooLong = false;
  const parser = createParser({
    maxBufferSize: longestEvent,
    onEvent: ({ data }) => waiting.push(data),
    onError: ({ type }) => {
      if (type === 'max-buffer-size-exceeded') tooLong = true;
    },
  });
  const decoder = new TextDecoder();
  for await (const bytes of response.body ?? []) {
    received();
    parser.feed(decoder.decode(bytes, { stream: true }));
    if (tooLong) {
      const what = `an event of the stream exceeds ${longestEvent} characters`;
      throw new CriaError(what, { where: response.url, kind: 'failure' });
    }
    for (const data of waiting.splice(0)) {
      if (data === endOfStream) return;
      yield data;
    }
  }
}
