import { CriaError } from '../base/index.ts';
import { defineVerb, optionalArgument, schemaOf, type VerbSchema } from '../options/index.ts';

export const verb = defineVerb({
  arguments: { verb: optionalArgument("a verb, for example eva or 'lens apply' (default: all)") },
  options: {},
  examples: ['schema train', "schema 'lens apply' --json"],
  async run({ args, print }) {
    const { verbs } = await import('./index.ts');
    const schemas: Record<string, VerbSchema> = {};
    for (const { name, summary, load } of verbs) {
      if (args.verb !== undefined && args.verb !== name) continue;
      schemas[name] = schemaOf(name, summary, (await load()).verb);
    }
    const one = args.verb === undefined ? undefined : schemas[args.verb];
    if (args.verb !== undefined && !one) {
      throw new CriaError(`there is no verb ${args.verb}`, { remedy: 'cria --help lists the verbs' });
    }
    const result = one ?? { verbs: schemas };
    print(`${JSON.stringify(result, null, 2)}\n`);
    return result;
  },
});
