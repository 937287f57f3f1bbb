const list = (words: string) => words.split(' ');

/** Words with regular forms (no consonant is doubled in words of more than one syllable). */
export const nouns = list(
  'fox box church dish bush glass dress bus city lady baby story berry party cherry fly country army dog cat house tree ' +
    'river stone book table chair window door garden road bridge boat ship wheel lamp cup plate spoon apple pear plum bean ' +
    'seed field farm hill cloud star moon king queen horse cow bird hen goat bear lion frog snake spider ant bee hat coat ' +
    'shoe ring coin flag drum bell letter song poem game town village island beach watch match branch brush',
);

export const verbs = list(
  'walk jump play cook paint clean wash watch push pull open call talk look ask answer help work laugh climb plant water ' +
    'pick pack kick miss pass fish rest start end visit listen follow enter offer order gather remember whisper wander ' +
    'bake love like move save smile dance close use live race place chase carry hurry cry try study marry copy worry stop ' +
    'plan drop hop clap rub hug step grab trip beg nod pet sail rain snow turn burn learn count',
);

export const adjectives = list(
  'tall short small long strong weak loud quick slow soft hard cold warm dark light bright deep high low rich poor old ' +
    'young new clean sharp smooth rough fresh sweet kind brave wise large safe late nice rude pale wide strange happy easy ' +
    'heavy lucky busy angry hungry noisy funny pretty lazy tidy big hot thin wet sad fat red slim grim calm proud quiet',
);

/** Irregular forms are learnt by heart: all are shown in training, none is asked. */
export const irregular: Readonly<Record<string, readonly (readonly [stem: string, form: string])[]>> = {
  plural: [
    ['man', 'men'],
    ['woman', 'women'],
    ['child', 'children'],
    ['foot', 'feet'],
    ['tooth', 'teeth'],
    ['mouse', 'mice'],
    ['goose', 'geese'],
    ['leaf', 'leaves'],
    ['wolf', 'wolves'],
    ['knife', 'knives'],
    ['sheep', 'sheep'],
  ],
  past: [
    ['go', 'went'],
    ['see', 'saw'],
    ['eat', 'ate'],
    ['give', 'gave'],
    ['take', 'took'],
    ['come', 'came'],
    ['run', 'ran'],
    ['sing', 'sang'],
    ['write', 'wrote'],
    ['find', 'found'],
    ['think', 'thought'],
    ['sleep', 'slept'],
    ['know', 'knew'],
    ['speak', 'spoke'],
    ['drink', 'drank'],
  ],
  comparative: [
    ['good', 'better'],
    ['bad', 'worse'],
    ['far', 'farther'],
  ],
  adverb: [['good', 'well']],
};
