import { posix } from 'node:path';
import ts from 'typescript';

const base = ['base'];
const engine = [...base, 'tensor', 'engine'];
const belowModel = [...engine, 'linalg', 'data', 'checkpoint', 'tokenizer', 'artifact'];
const belowQuantize = [...belowModel, 'statistics', 'options', 'model'];
const belowMethods = [...belowQuantize, 'generate', 'evaluate', 'quantize', 'train', 'report', 'endpoint'];
const belowVerbs = [
  ...belowMethods,
  'methods',
  'methods/*',
  'world',
  'recipe',
  'router',
  'sweep',
  'serve',
  'tour',
  'api',
];
const without = (...rooms: readonly string[]) => belowVerbs.filter((room) => !rooms.includes(room));

/** What each room may import: arrows go down only. `methods/*` is each method, `api` is src/index.ts. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  tensor: base,
  engine: [...base, 'tensor'],
  linalg: engine,
  data: base,
  statistics: base,
  options: base,
  endpoint: base,
  world: [...base, 'data'],
  checkpoint: base,
  tokenizer: [...base, 'checkpoint'],
  artifact: [...base, 'checkpoint', 'tokenizer'],
  model: belowModel,
  generate: belowQuantize,
  evaluate: belowQuantize,
  quantize: [...belowQuantize, 'generate', 'evaluate', 'train', 'report'],
  train: [...belowQuantize, 'generate', 'evaluate'],
  report: base,
  'methods/*': belowMethods,
  methods: [...belowMethods, 'methods/*'],
  router: [...belowMethods, 'methods/*'],
  recipe: without('world', 'serve', 'sweep', 'tour', 'api', 'recipe'),
  sweep: without('world', 'serve', 'sweep', 'tour', 'api'),
  api: [...belowMethods, 'world'],
  serve: without('serve', 'tour'),
  tour: without('tour', 'serve', 'recipe', 'sweep'),
  verbs: belowVerbs,
  cli: [...belowVerbs, 'verbs'],
};

/** Packages that one room alone may import: everything else goes through it. */
const onlyIn: Readonly<Record<string, string>> = { 'onnxruntime-node': 'engine', 'onnxruntime-common': 'engine' };

/** The sentences that tell which imports of these sources (path to text, from `src/`) break the rules. */
export function brokenRules(sources: ReadonlyMap<string, string>): string[] {
  return [...sources].flatMap(([path, text]) =>
    ts
      .preProcessFile(text, true, true)
      .importedFiles.map(({ fileName }) => whyNot(path, fileName))
      .filter((sentence) => sentence !== undefined)
      .map((sentence) => `${path} ${sentence}`),
  );
}

function whyNot(path: string, specifier: string): string | undefined {
  const from = roomOf(path);
  if (!specifier.startsWith('.')) {
    const owner = onlyIn[specifier.split('/')[0] ?? ''];
    return owner === undefined || owner === from ? undefined : `imports ${specifier}, which only ${owner} may`;
  }
  const target = posix.join(posix.dirname(path), specifier);
  const to = roomOf(target);
  if (to === from) return undefined;
  const allowed = mayImport[kindOf(from)];
  if (!allowed) return `is in a room without rules: ${from}`;
  if (!allowed.includes(kindOf(to))) return `imports ${to}, which does not lie below ${from}`;
  return ['index.ts', 'options.ts'].includes(posix.basename(target))
    ? undefined
    : `imports ${target} past the index.ts of ${to}`;
}

/** src/model/x/y.ts is in room model, src/methods/eva/x.ts in methods/eva, src/index.ts in api. */
function roomOf(path: string): string {
  const [, first = '', second = '', third] = path.split('/');
  if (second === '') return 'api';
  return first === 'methods' && third !== undefined ? `methods/${second}` : first;
}

function kindOf(room: string): string {
  return room.startsWith('methods/') ? 'methods/*' : room;
}

/** The packages that are loaded when a source is: those of its static imports and of what they import. */
export function packagesLoadedBy(entry: string, sources: ReadonlyMap<string, string>): string[] {
  const packages = new Set<string>();
  const seen = new Set([entry]);
  for (const path of seen) {
    for (const specifier of staticImports(sources.get(path) ?? '')) {
      if (specifier.startsWith('.')) seen.add(posix.join(posix.dirname(path), specifier));
      else if (!specifier.startsWith('node:')) packages.add(specifier);
    }
  }
  return [...packages].sort();
}

/** What the statements `import … from` and `export … from` of a source name, without those of types alone. */
function staticImports(text: string): string[] {
  return ts.createSourceFile('', text, ts.ScriptTarget.Latest).statements.flatMap((statement) => {
    const isImport =
      ts.isImportDeclaration(statement) && statement.importClause?.phaseModifier !== ts.SyntaxKind.TypeKeyword;
    const isExport = ts.isExportDeclaration(statement) && !statement.isTypeOnly;
    const named = isImport || isExport ? statement.moduleSpecifier : undefined;
    return named && ts.isStringLiteral(named) ? [named.text] : [];
  });
}
