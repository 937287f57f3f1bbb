/** What a word can be turned into. */
export type Form = 'plural' | 'past' | 'participle' | 'comparative' | 'adverb' | 'agent';

/** The regular form of an English stem, as it is spelled. */
export function formOf(form: Form, stem: string): string {
  switch (form) {
    case 'plural':
      if (/(s|x|z|ch|sh)$/.test(stem)) return `${stem}es`;
      return endsInY(stem) ? `${stem.slice(0, -1)}ies` : `${stem}s`;
    case 'past':
      return withVowel(stem, 'ed');
    case 'participle':
      return endsInY(stem) ? `${stem}ing` : withVowel(stem, 'ing');
    case 'comparative':
    case 'agent':
      return withVowel(stem, 'er');
    case 'adverb':
      return endsInY(stem) ? `${stem.slice(0, -1)}ily` : `${stem}ly`;
  }
}

/** An ending that begins with a vowel: hope-d, hop-p-ed, carri-ed, walk-ed. */
function withVowel(stem: string, ending: string): string {
  if (/[^aeiou]e$/.test(stem)) return stem.slice(0, -1) + ending;
  if (endsInY(stem)) return `${stem.slice(0, -1)}i${ending}`;
  return isShort(stem) ? stem + stem.slice(-1) + ending : stem + ending;
}

function endsInY(stem: string): boolean {
  return /[^aeiou]y$/.test(stem);
}

/** One syllable, one vowel letter, one consonant at the end, which is doubled. */
function isShort(stem: string): boolean {
  return /^(qu|[^aeiouy])*[aeiouy][bdglmnprt]$/.test(stem);
}
