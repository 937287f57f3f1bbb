import type { Dataset } from './dataset.ts';
import type { Score } from './score.ts';

/** Rows as promptfoo's evaluations have them, with the texts, and where question and consent come from. */
export function promptfooRows(data: Dataset, scores: readonly Score[]): object[] {
  const questions = new Map(data.questions.map((question) => [question.id, question]));
  const answers = new Map(data.responses.map(({ qid, system, text }) => [JSON.stringify([qid, system]), text]));
  return scores.map(({ qid, system, kf, ds, ss, ce, flags }) => {
    const question = questions.get(qid);
    const references = data.references.filter((reference) => reference.qid === qid);
    const namedScores = Object.fromEntries(Object.entries({ kf, ds, ss, ce }).filter(([, value]) => value !== null));
    return {
      provider: { id: system },
      prompt: { raw: question?.text ?? '', label: qid },
      vars: { qid, question: question?.text },
      response: { output: answers.get(JSON.stringify([qid, system])) },
      success: ce !== null,
      score: ce ?? 0,
      namedScores,
      gradingResult: {
        pass: ce !== null,
        score: ce ?? 0,
        reason: ce === null ? 'no keyword in the references' : 'cultural expressiveness',
      },
      metadata: {
        flags,
        country: question?.country,
        source_url: question?.sourceUrl,
        license: question?.license,
        references: references.map(({ id, set, consent, license }) => ({ id, set, consent, license })),
      },
    };
  });
}
