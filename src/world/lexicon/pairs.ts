type Pairs = readonly (readonly [string, string])[];

const pairs = (text: string): Pairs => text.split(' ').map((pair) => pair.split('-') as [string, string]);

/** Words and their opposites, no word twice. */
export const opposites = pairs(
  'hot-cold big-small tall-short fast-slow old-young rich-poor full-empty light-dark hard-soft high-low wet-dry early-late ' +
    'open-closed near-far happy-sad clean-dirty strong-weak loud-quiet thick-thin wide-narrow sharp-blunt sweet-bitter ' +
    'deep-shallow heavy-weightless smooth-rough true-false right-wrong good-bad first-last inside-outside north-south east-west ' +
    'day-night summer-winter love-hate buy-sell push-pull win-lose laugh-cry begin-end arrive-leave remember-forget',
);

/** Words for a man and for a woman. */
export const genders = pairs(
  'father-mother son-daughter brother-sister uncle-aunt grandfather-grandmother grandson-granddaughter nephew-niece ' +
    'husband-wife king-queen prince-princess man-woman boy-girl he-she his-her actor-actress waiter-waitress hero-heroine ' +
    'duke-duchess wizard-witch groom-bride monk-nun lord-lady',
);

/** Animals and their young. */
export const young = pairs(
  'dog-puppy cat-kitten cow-calf horse-foal sheep-lamb goat-kid hen-chick duck-duckling bear-cub deer-fawn pig-piglet ' +
    'frog-tadpole swan-cygnet owl-owlet llama-cria',
);
