/** Delta debugging: takes steps out of a program while it still fails. Source: Zeller and Hildebrandt, 2002 (ddmin). */

type Program<T> = readonly T[];

/** @param fails may be asked a few hundred times */
export async function shrink<T>(program: Program<T>, fails: (program: Program<T>) => Promise<boolean>): Promise<Program<T>> {
  let kept = program;
  for (let size = Math.ceil(program.length / 2); size >= 1; ) {
    let took = false;
    for (let at = 0; at < kept.length; ) {
      const without = [...kept.slice(0, at), ...kept.slice(at + size)];
      if (without.length > 0 && (await fails(without))) {
        kept = without;
        took = true;
      } else at += size;
    }
    if (size === 1 && !took) break;
    if (!took || size > kept.length) size = Math.max(1, Math.floor(size / 2));
  }
  return kept;
}
