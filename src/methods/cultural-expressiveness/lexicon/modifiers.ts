/** Folded words that turn the feeling of what follows, by language. */
export const negators: Readonly<Record<string, ReadonlySet<string>>> = {
  es: new Set(['no', 'nunca', 'jamas', 'sin', 'ni']),
  pt: new Set(['nao', 'nunca', 'sem', 'nem', 'jamais']),
  en: new Set(['not', 'never', 'no']),
};
/** Words that make it stronger. */
export const intensifiers: Readonly<Record<string, ReadonlySet<string>>> = {
  es: new Set(['muy', 'mas', 'super']),
  pt: new Set(['muito', 'muita', 'mais', 'super']),
  en: new Set(['very', 'more', 'super']),
};
