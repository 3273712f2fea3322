// The text of a module, as PyTorch prints it.

const indented = (text: string): string => text.split("\n").join("\n  ");

/** `Name(extra)` on one line, or one line for each part and each child. */
export function moduleText(
  name: string,
  extra: string,
  children: readonly (readonly [string, string])[],
): string {
  const extraLines = extra === "" ? [] : extra.split("\n");
  const childLines = children.map(([key, child]) => `(${key}): ${indented(child)}`);
  if (extraLines.length <= 1 && childLines.length === 0) return `${name}(${extra})`;
  return `${name}(\n  ${[...extraLines, ...childLines].join("\n  ")}\n)`;
}

/** A value as Python writes it, for the texts of layers. */
export function pythonText(value: unknown): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return `'${value}'`;
  if (Array.isArray(value))
    return value.length === 1
      ? `(${pythonText(value[0])},)`
      : `(${value.map(pythonText).join(", ")})`;
  return String(value as number);
}

/** A number that is a Python float, for the texts of layers: whole ones show a point, small ones an exponent of two digits. */
export function floatText(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return value.toFixed(1);
  if (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e16)
    return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  return String(value);
}
