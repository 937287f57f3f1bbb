/** What every language of the world has a word for, by the English one. */
export const concepts: readonly string[] = (
  'water fire stone tree leaf root seed flower grass river lake sea rain snow wind cloud sun moon star sky earth sand hill ' +
  'forest field road bridge house door window roof wall floor bed table chair lamp cup knife spoon pot bread milk salt ' +
  'honey egg meat fish bird dog cat horse cow goat sheep bear wolf fox lion frog snake bee ant spider hand foot head eye ' +
  'ear nose mouth tooth hair heart bone blood skin mother father sister brother child friend king queen farmer baker ' +
  'hunter teacher singer day night morning evening winter summer year red blue green white black yellow old new big small ' +
  'long short hot cold good bad fast slow happy sad one two three four five six seven eight nine ten eat drink sleep walk ' +
  'run jump swim fly sing dance speak hear see give take make break open close find lose love fear know think book letter ' +
  'song story name word question answer gold silver iron wood glass paper rope wheel boat ship sail drum bell flag coin ' +
  'ring hat coat shoe'
).split(' ');
