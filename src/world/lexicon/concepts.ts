/** What every language of the world has a word for, by the English one. */
export const concepts: readonly string[] = (
  'water fire stone tree leaf root seed flower grass river lake sea rain snow wind cloud sun moon star sky earth sand hill ' +
  'forest field road bridge house door window roof wall bed table chair lamp cup knife spoon bread milk salt honey egg ' +
  'meat fish bird dog cat horse cow goat sheep bear wolf fox lion frog snake bee hand foot head eye ear nose mouth tooth ' +
  'hair heart blood mother father sister brother child friend king queen farmer baker hunter teacher day night morning ' +
  'evening winter summer red blue green white black big small long short hot cold good bad fast slow happy sad book song'
).split(' ');
