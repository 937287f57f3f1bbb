/** How answers decline in Spanish, Portuguese and English: patterns on folded text. */
export const refusals = [
  /^(as|i am|i'm|i m)( just)? an? (ai|artificial|language model|large language model)/,
  /\bas an? (ai|artificial intelligence|language model)\b/,
  /\bi('m| am) (just an ai|not able to|unable to|not capable of)\b/,
  /\bi (cannot|can't|can not) (fulfill|answer|provide|help|assist|satisfy|comply)\b/,
  /\bcomo (un )?(modelo de lenguaje|inteligencia artificial|ia)\b/,
  /\bno puedo (responder|ayudar|proporcionar|cumplir|contestar)\b/,
  /\bcomo (um |uma )?(modelo de linguagem|inteligencia artificial|ia)\b/,
  /\bnao posso (responder|ajudar|fornecer|atender)\b/,
];
