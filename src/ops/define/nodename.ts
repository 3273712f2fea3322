// What the graph nodes of operations are called: PyTorch's names, by rule.

/**
 * `mul` gives MulBackward0 and `log2` Log2Backward0; a digit at the end of a given node name takes the place of the 0, and
 * one that says Backward is the name itself.
 */
export function nodeName(name: string, given?: string): string {
  if (given?.includes("Backward") === true) return given;
  const own = given ?? name;
  const digit = given === undefined ? null : /\d$/.exec(given);
  const stem = `${own[0]!.toUpperCase()}${own.slice(1, digit === null ? undefined : -1)}`;
  return `${stem}Backward${digit === null ? 0 : digit[0]}`;
}
