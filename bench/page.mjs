/**
 * The page of a run.
 *
 * @typedef {{ what: string, measured: string, asked?: string, reached?: boolean }} Figure
 *   `reached` is undefined where nothing was asked for or nothing could be measured
 * @typedef {{ head: string[], rows: string[][] }} Table
 * @typedef {{ title: string, how: string[], figures: Figure[], tables?: Table[] }} Section
 */

/**
 * @param {string[][]} machine
 * @param {Section[]} sections
 * @param {string[]} remarks what a reader has to know about the run
 * @param {string[]} names of all sections that there are
 */
export function pageOf(machine, sections, remarks, names) {
  const asked = sections.flatMap((section) => section.figures.filter((figure) => figure.asked));
  return [
    '# Benchmarks',
    wrapped(
      `\`npm run bench\` wrote this page from one run on ${new Date().toISOString().slice(0, 10)}; nothing in it is ` +
        'edited by hand.',
    ),
    ...remarks.map(wrapped),
    table({ head: ['machine', ''], rows: machine }),
    ...(asked.length > 0 ? ['## What was asked for', figureTable(asked)] : []),
    ...sections.flatMap(sectionOf),
    howToRun(names),
  ]
    .join('\n\n')
    .concat('\n');
}

/** @param {Section} section */
export function sectionOf({ title, how, figures, tables = [] }) {
  return [
    `## ${title}`,
    ...how.map(wrapped),
    ...tables.map(table),
    ...(figures.length > 0 ? [figureTable(figures)] : []),
  ];
}

/** A paragraph in lines of at most 118 characters. */
function wrapped(paragraph) {
  return paragraph.replace(/(.{1,118})(?:\s|$)/g, '$1\n').trimEnd();
}

/** @param {Figure[]} figures */
function figureTable(figures) {
  return table({
    head: ['', 'measured', 'asked for', ''],
    rows: figures.map(({ what, measured, asked = '', reached }) => [what, measured, asked, verdict(asked, reached)]),
  });
}

function verdict(asked, reached) {
  if (!asked) return '';
  if (reached === undefined) return 'not measured';
  return reached ? 'reached' : '**not reached**';
}

/** @param {Table} table */
function table({ head, rows }) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** The section of the page that tells the options, in Markdown. */
export const howToRun = (names) => `## How to run it

\`\`\`
npm run bench -- [--peers-llama DIR] [--peers-python PATH] [--seven-b make|DIR] [--files FILE,…] [--threads 2] [--only NAME,…] [--quick] [--out FILE]
\`\`\`

The measurement data (\`models/\`, \`goldens/\`, \`data/\`) is looked for where \`CRIA_SHARED\` says, else in \`../shared\` beside
the checkout. Nothing else should run meanwhile.

| option | meaning |
| --- | --- |
| \`--peers-llama DIR\` | where \`npm install node-llama-cpp\` was run |
| \`--peers-python PATH\` | a Python with torch, transformers and gguf |
| \`--seven-b make\` | writes a checkpoint of 13.5 GB to the system's temporary folder, and deletes it |
| \`--seven-b DIR\` | one that \`node bench/write-7b.mjs DIR\` wrote before |
| \`--files FILE,…\` | GGUF files that the section \`opening\` opens beside SmolLM2 |
| \`--only NAME,…\` | some sections: ${names.join(', ')} |
| \`--quick\` | shorter runs |
| \`--out FILE\` | where the page is written: \`docs/benchmarks.md\`, or nowhere for a run that is partial or quick |

What is absent is said to be absent; cria's figures then stand alone.`;
