/** The seed of the world that cria-tiny was trained on (models/cria-tiny/recipe.json). */
export const tinyWorldSeed = 0;
