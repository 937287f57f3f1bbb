import { extname } from 'node:path';
import { CriaError } from '../../base/index.ts';
import { type Row, readRows, readTable, type Table } from '../../data/index.ts';
import type { Dataset, Question, Reference, Response } from './dataset.ts';
import { optionalFlag, optionalText, textOf, textsOf } from './fields.ts';
import { questionKey } from './text.ts';

export interface Sources {
  readonly responses?: string | undefined;
  readonly questions?: string | undefined;
  readonly references?: string | undefined;
  /** The systems that are wanted; all without. */
  readonly systems?: readonly string[] | undefined;
  /** Answers are only looked at: questions may lack references. */
  readonly unscored?: boolean;
}

/** What one file holds: a table with a column a system holds all three. */
interface Part {
  readonly questions?: readonly Question[];
  readonly references?: readonly Reference[];
  readonly responses?: readonly Response[];
  readonly systems?: readonly string[];
}

/**
 * Reads questions, references and responses: from one table with a column a question, a reference set and a system,
 * as the published `consolidated_responses.csv`, or from files of rows, joined by question id, and tables by the
 * question's words. Only questions that were answered (or, without responses, have references) are kept.
 * @throws CriaError when a file is not sound, or does not fit the others.
 */
export async function readDataset(sources: Sources): Promise<Dataset> {
  const [asked, referred, answered] = await Promise.all([
    readPart(sources.questions, questionPart),
    readPart(sources.references, referencePart),
    readPart(sources.responses, responsePart),
  ]);
  const questions = joined(
    answered?.questions ?? referred?.questions ?? asked?.questions,
    asked?.questions,
    sources.responses,
  );
  const known = new Map(questions.map((question) => [question.id, question]));
  const references = onQuestions(referred ?? answered, (part) => part.references, questions, known, sources.references);
  if (references.length === 0 && !sources.unscored) {
    throw new CriaError('there are no references', { remedy: 'pass --references, rows of {qid, text}' });
  }
  const responses = onQuestions(answered, (part) => part.responses, questions, known, sources.responses);
  const systems = wanted(answered?.systems ?? [...new Set(responses.map(({ system }) => system))], sources);
  const agreed = references.filter(({ consent }) => consent !== false);
  const own = responses.filter(({ system }) => systems.includes(system));
  refuseTwice(own);
  const kept = new Set((answered ? own : agreed).map(({ qid }) => qid));
  const bare = questions.find(({ id }) => kept.has(id) && !agreed.some(({ qid }) => qid === id));
  if (bare && !sources.unscored) {
    const remedy = 'add an answer of a person, or leave the question out';
    throw new CriaError(`the question ${bare.id} has no reference`, { where: bare.text.slice(0, 80), remedy });
  }
  return {
    questions: questions.filter(({ id }) => kept.has(id)),
    references: agreed.filter(({ qid }) => kept.has(qid)),
    responses: own,
    systems,
    withoutConsent: references.length - agreed.length,
  };
}

async function readPart(path: string | undefined, partOf: (rows: readonly Row[]) => Part): Promise<Part | undefined> {
  if (path === undefined) return undefined;
  const table = extname(path).toLowerCase() === '.csv' ? await readTable(path) : undefined;
  const rows = table ? table.rows : await allRows(path);
  if (rows.length === 0) throw new CriaError('has no rows', { where: path });
  return table && questionColumn(table) !== undefined && !table.columns.includes('qid')
    ? widePart(table, path)
    : partOf(rows);
}

async function allRows(path: string): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const row of readRows(path)) rows.push(row);
  return rows;
}

const questionColumn = ({ columns }: Table): string | undefined =>
  columns.find((name) => name.toLowerCase() === 'question');

/** What a column of a table of questions holds besides references and answers. */
const metadata = ['id', 'qid', 'language', 'lang', 'country', 'topic', 'source', 'source_url', 'subreddit', 'license'];

function widePart(table: Table, path: string): Part {
  const column = questionColumn(table) as string;
  const others = table.columns.filter((name) => name !== column);
  const isQuestionList = others.some((name) => metadata.includes(name.toLowerCase()));
  const sets = others.filter((name) => /^responses_/i.test(name));
  const systems = isQuestionList ? [] : others.filter((name) => !sets.includes(name));
  const names = systems.map((name) => name.replace(/_response$/i, ''));
  const clash = names.find((name, i) => names.indexOf(name) !== i);
  if (clash !== undefined) throw new CriaError(`has two columns of the system ${clash}`, { where: path });
  const questions = questionPart(table.rows).questions as readonly Question[];
  const cells = table.rows.map(({ values }, i) => ({ qid: (questions[i] as Question).id, values }));
  const filled = (name: string) =>
    cells.flatMap(({ qid, values }) => {
      const text = String(values[name] ?? '').trim();
      return text === '' ? [] : [{ qid, text, lang: undefined }];
    });
  return {
    questions,
    ...(sets.length > 0 && {
      references: sets.flatMap((name) => {
        const set = name.replace(/^responses_/i, '');
        return filled(name).map((cell) => ({
          ...cell,
          id: `${cell.qid}-${set}`,
          set,
          consent: undefined,
          license: undefined,
        }));
      }),
    }),
    ...(systems.length > 0 && {
      systems: names,
      responses: systems.flatMap((name, i) =>
        filled(name).map((cell) => ({ ...cell, system: names[i] as string, truncated: undefined })),
      ),
    }),
  };
}

function questionPart(rows: readonly Row[]): Part {
  const questions = rows.map((row, i): Question => {
    const lang = optionalText(row, 'lang', 'language');
    const subreddit = optionalText(row, 'subreddit');
    const country = textsOf(row, 'country');
    return {
      id: optionalText(row, 'id', 'qid') ?? `q${i + 1}`,
      text: textOf(row, 'question', 'Question', 'text').trim(),
      lang: lang === undefined || /^mixed$/i.test(lang) ? undefined : lang,
      country: country.length > 0 ? country : (countryOf[subreddit?.toLowerCase() ?? ''] ?? []),
      topic: optionalText(row, 'topic'),
      sourceUrl: optionalText(row, 'source_url', 'source'),
      license: optionalText(row, 'license'),
      terms: textsOf(row, 'terms'),
    };
  });
  for (const [name, keyOf] of [
    ['question', ({ text }: Question) => text],
    ['question id', ({ id }: Question) => id],
  ] as const) {
    const first = new Map<string, number>();
    for (const [i, question] of questions.entries()) {
      const before = first.get(keyOf(question));
      if (before !== undefined) {
        const what = `the ${name} of row ${before + 1} is there again: ${keyOf(question).slice(0, 80)}`;
        throw new CriaError(what, { where: rows[i]?.where, remedy: 'keep one of them' });
      }
      first.set(keyOf(question), i);
    }
  }
  return { questions };
}

/** The country that a subreddit is about. */
const countryOf: Readonly<Record<string, readonly string[]>> = {
  ...{ argentina: ['AR'], bolivia: ['BO'], brazil: ['BR'], chile: ['CL'], colombia: ['CO'], ecuador: ['EC'] },
  ...{ mexico: ['MX'], peru: ['PE'], paraguay: ['PY'], uruguay: ['UY'], venezuela: ['VE'] },
};

function referencePart(rows: readonly Row[]): Part {
  const references = rows.map((row, i): Reference => {
    const qid = textOf(row, 'qid');
    return {
      qid,
      id: optionalText(row, 'ref_id', 'id') ?? `${qid}-${i + 1}`,
      text: textOf(row, 'text').trim(),
      lang: optionalText(row, 'lang'),
      set: optionalText(row, 'set') ?? 'all',
      consent: optionalFlag(row, 'consent'),
      license: optionalText(row, 'license'),
    };
  });
  return { references };
}

function responsePart(rows: readonly Row[]): Part {
  const responses = rows.map((row): Response => {
    const text = row.values.text;
    if (typeof text !== 'string') throw new CriaError('has no text', { where: row.where });
    return {
      qid: textOf(row, 'qid'),
      system: textOf(row, 'system'),
      text: text.trim(),
      lang: optionalText(row, 'lang'),
      truncated: optionalFlag(row, 'truncated'),
    };
  });
  return { responses };
}

/** The questions of one file, with what a list of questions knows of those with the same words. */
function joined(
  own: readonly Question[] | undefined,
  asked: readonly Question[] | undefined,
  where: string | undefined,
): readonly Question[] {
  if (!own) throw new CriaError('the questions are not given', { where, remedy: 'pass --questions' });
  if (!asked || own === asked) return own;
  const known = new Map(asked.map((question) => [questionKey(question.text), question]));
  return own.map((question) => {
    const same = known.get(questionKey(question.text));
    return same ? { ...same, id: question.id, text: question.text } : question;
  });
}

/** Rows of a part under the ids of the questions: by the words of a question where its file had some of its own. */
function onQuestions<T extends { readonly qid: string }>(
  part: Part | undefined,
  rowsOf: (part: Part) => readonly T[] | undefined,
  questions: readonly Question[],
  known: ReadonlyMap<string, Question>,
  where: string | undefined,
): readonly T[] {
  const rows = (part && rowsOf(part)) ?? [];
  const byWords = new Map(questions.map((question) => [questionKey(question.text), question.id]));
  const idOf = new Map(part?.questions?.map(({ id, text }) => [id, byWords.get(questionKey(text))]));
  return rows.flatMap((row) => {
    const qid = part?.questions ? idOf.get(row.qid) : row.qid;
    if (qid === undefined) return []; // a table may hold more questions than are asked
    if (known.has(qid)) return [{ ...row, qid }];
    throw new CriaError(`there is no question ${qid}`, {
      where,
      remedy: 'add it to --questions, or leave its rows out',
    });
  });
}

function wanted(systems: readonly string[], { systems: names, responses }: Sources): readonly string[] {
  if (responses !== undefined && systems.length === 0) {
    throw new CriaError('holds no answers of a system', { where: responses, remedy: 'use a column a system' });
  }
  if (!names || names.length === 0) return systems;
  const unknown = names.find((name) => !systems.includes(name));
  if (unknown !== undefined) {
    const remedy = `it has ${systems.join(', ')}`;
    throw new CriaError(`there is no system ${unknown}`, { where: responses, remedy });
  }
  return systems.filter((name) => names.includes(name));
}

function refuseTwice(responses: readonly Response[]): void {
  const seen = new Set<string>();
  for (const { qid, system } of responses) {
    const key = JSON.stringify([qid, system]);
    if (seen.has(key)) {
      throw new CriaError(`the system ${system} answers ${qid} twice`, { remedy: 'keep one of the answers' });
    }
    seen.add(key);
  }
}
