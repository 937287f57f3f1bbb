/** Whether a name fits a glob: `*` for any characters, `?` for one; a name fits itself. */
export function fitsGlob(name: string, glob: string): boolean {
  if (name === glob) return true;
  const source = glob
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.');
  return new RegExp(`^${source}$`).test(name);
}
