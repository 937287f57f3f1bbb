import { silent } from '../../base/index.ts';
import {
  type Dataset,
  letterEncoder,
  meansChart,
  paperWeights,
  readWordLists,
  scoreCulture,
} from '../../methods/cultural-expressiveness/index.ts';
import { answered } from '../answers.ts';
import type { Stop } from '../stop.ts';

/** Written for the tour: a question, and what two people could answer. */
const examples = [
  [
    '¿De dónde es la chipa?',
    'La chipa es del Paraguay, y es muy rica.',
    'Es paraguaya, la hacemos con almidón de mandioca.',
  ],
  ['¿De dónde es el ceviche?', 'El ceviche es de Perú, el mejor del mundo.', 'Es peruano, con limón y ají.'],
  ['¿De dónde es la feijoada?', 'La feijoada es de Brasil, es deliciosa.', 'Es un plato brasileño, de feijão.'],
  ['¿De dónde es el tango?', 'El tango es de Argentina y de Uruguay.', 'Es rioplatense, de Buenos Aires y Montevideo.'],
  ['¿De dónde es la arepa?', 'La arepa es de Venezuela y de Colombia, qué rica.', 'Es venezolana, claro.'],
  ['¿De dónde es el mariachi?', 'El mariachi es de México, es una alegría.', 'Es mexicano, de Jalisco.'],
] as const;

/** Answers held against people's, and what such a score is worth. */
export const culture: Stop = {
  name: 'culture',
  title: 'Its answers are held against what people say',
  async visit({ model, seed, signal, say }) {
    const responses = [];
    for (const [i, [question]] of examples.entries()) {
      const text = await answered(model, question, { maxTokens: 40, signal });
      responses.push({ qid: `q${i + 1}`, system: 'the model', text, lang: undefined, truncated: undefined });
    }
    const data = datasetOf(responses);
    const result = await scoreCulture(data, {
      ...{ lists: await readWordLists(), encoder: letterEncoder, weights: paperWeights, progress: silent, signal },
      drawing: { seed, resamples: 500 },
    });
    const [first] = responses;
    say(`${examples[0][0]} → ${first?.text}; a person: ${examples[0][1]}`);
    const chart = meansChart(result);
    say(`${chart.title}: ${chart.bars.map(({ label, value }) => `${label} ${value.toFixed(2)}`).join(', ')}`);
    say('keywords in a row score too: the number is about style, not knowledge');
    return { figures: { systems: result.systems, semSimUsable: result.usability.usable }, parts: [chart] };
  },
};

function datasetOf(responses: Dataset['responses']): Dataset {
  const unknown = { lang: undefined, license: undefined };
  return {
    questions: examples.map(([text], i) => ({
      ...{ ...unknown, id: `q${i + 1}`, text, country: [], topic: undefined, sourceUrl: undefined, terms: [] },
    })),
    references: examples.flatMap(([, ...texts], i) =>
      texts.map((text, j) => ({
        ...unknown,
        qid: `q${i + 1}`,
        id: `r${j + 1}`,
        text,
        set: `v${j + 1}`,
        consent: true,
      })),
    ),
    responses,
    systems: ['the model'],
    withoutConsent: 0,
  };
}
