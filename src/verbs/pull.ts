import { argument, defineVerb, pulledFolder, text } from '../options/index.ts';

export const verb = defineVerb({
  arguments: { repo: argument('a hub id (org/name)') },
  options: {
    into: text('destination folder (default: the cache of hub ids)', { placeholder: 'folder' }),
    revision: text('a branch, tag or commit', { default: 'main' }),
    file: text('one file of the repository, for example a .gguf', { placeholder: 'name' }),
  },
  examples: ['pull HuggingFaceTB/SmolLM2-135M-Instruct', 'pull org/name --file model.Q4_0.gguf --into models/org-name'],
  async run({ args, options, progress, signal, print }) {
    const { pull } = await import('../checkpoint/index.ts');
    const { revision, file, into = pulledFolder(args.repo) } = options;
    const result = await pull(args.repo, { into, revision, file, progress, signal });
    print(`${result.path}\n`);
    return result;
  },
});
