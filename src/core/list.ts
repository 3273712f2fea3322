// Lists made in functions that become hot. `Array.prototype.map` does the same, but its results have one hidden class before V8 has compiled
// the caller and another one after, so that whatever was compiled to read such lists is thrown away once for every caller. These have that
// of a literal.

/** What a function gives for each item. */
export function mapped<T, U>(list: readonly T[], give: (item: T, index: number) => U): U[] {
  const all: unknown[] = list.slice();
  for (let i = 0; i < list.length; i++) all[i] = give(list[i]!, i);
  return all as U[];
}

/** The same for numbers: compiled for objects as well, it would give numbers the hidden class of objects. */
export function mappedNumbers(
  list: readonly number[],
  give: (item: number, index: number) => number,
): number[] {
  const all = list.slice();
  for (let i = 0; i < list.length; i++) all[i] = give(list[i]!, i);
  return all;
}
