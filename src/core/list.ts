// Lists made in functions that become hot.

/**
 * What a function gives for each item. `Array.prototype.map` does the same, but its result has one hidden class before V8 has compiled the
 * caller and another one after, so that whatever was compiled to read such lists is thrown away once for every caller.
 */
export function mapped<T, U>(list: readonly T[], give: (item: T, index: number) => U): U[] {
  const all = new Array<U>(list.length);
  for (let i = 0; i < list.length; i++) all[i] = give(list[i]!, i);
  return all;
}
