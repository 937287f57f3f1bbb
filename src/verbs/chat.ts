import { createInterface } from 'node:readline/promises';
import { CriaError } from '../base/index.ts';
import { adapterOption, defineVerb, modelArgument, templateOption, text, weightsOption } from '../options/index.ts';
import { printed } from './generate.ts';
import { generateOptions, generationOptions } from './shared/generation-options.ts';
import { withGenerator } from './shared/with-model.ts';

export const verb = defineVerb({
  arguments: { model: modelArgument },
  options: {
    ...generationOptions,
    system: text('the system message'),
    template: templateOption,
    weights: weightsOption,
    adapter: adapterOption,
  },
  examples: ['chat model.gguf', "chat model.gguf --system 'Answer in Spanish.' --temperature 0.7"],
  async run({ args, options, progress, signal, print }) {
    return withGenerator({ ...options, model: args.model, progress }, async (model) => {
      const { stdin: input, stderr: output } = process;
      const lines = createInterface({ input, output, terminal: input.isTTY, signal });
      // a terminal that readline edits sends no signal for Ctrl-C
      lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
      let ended = false;
      lines.on('close', () => {
        ended = true;
      });
      const ask = () => {
        if (!ended) lines.prompt();
      };
      try {
        let chat = model.chat(options.system);
        progress.note('Type a message. /reset starts a new conversation, /exit or Ctrl-D quits.');
        lines.setPrompt('> ');
        ask();
        for await (const line of lines) {
          const said = line.trim();
          if (said === '/exit') break;
          if (said === '/reset') chat = model.chat(options.system);
          else if (said !== '') {
            try {
              await printed(chat.say(said, generateOptions(options, signal)), print, progress);
            } catch (error) {
              // a line that does not fit into the context is not part of the conversation, which goes on
              if (!(error instanceof CriaError) || error.kind !== 'input') throw error;
              progress.note(`${error.message}. Type /reset to start again.`);
            }
          }
          if (signal.aborted) break;
          ask();
        }
        return { messages: chat.messages };
      } finally {
        lines.close();
      }
    });
  },
});
