// Finds the fenced TypeScript blocks in doc comments and Markdown, and makes a runnable module of each.
import path from "node:path";
import { parseAst } from "vitest/node";

/** One fenced block: where it stands, its code, and why it is not run, if it says so. */
export interface Block {
  readonly file: string;
  /** Line of the file on which the code starts, from 1. */
  readonly line: number;
  readonly code: string;
  readonly inComment: boolean;
  /** The names that the file exports: an example in a comment sees those that it mentions. */
  readonly exported?: readonly string[];
  /** The text after `no-run`; undefined when the block is to be run. */
  readonly skipped: string | undefined;
}

const comment = /\/\*\*[\s\S]*?\*\//g;
const fence = /^[ \t]*```ts(?<info>[ \t][^\n]*)?\n(?<code>[\s\S]*?)^[ \t]*```[ \t]*$/gm;
const lineOf = (text: string, index: number): number => text.slice(0, index).split("\n").length;

function fenced(text: string, file: string, firstLine: number, inComment: boolean): Block[] {
  return [...text.matchAll(fence)].map((match) => {
    const info = match.groups?.["info"]?.trim() ?? "";
    const unknown = info.replace(/^no-run\b.*/, "");
    const line = firstLine + lineOf(text, match.index);
    if (unknown)
      throw new Error(`${file}:${line - 1}: "${unknown}" after \`\`\`ts is not understood`);
    return {
      file,
      line,
      code: match.groups?.["code"] ?? "",
      inComment,
      skipped: info ? info.slice("no-run".length).trim() : undefined,
    };
  });
}

/** The blocks in the doc comments of a TypeScript file, or in a Markdown file. */
export function findBlocks(file: string, text: string): Block[] {
  if (!file.endsWith(".ts")) return fenced(text, file, 1, false);
  const exported = [...text.matchAll(/^export (?:class|const|function) (\w+)/gm)].map(
    (match) => match[1]!,
  );
  return [...text.matchAll(comment)].flatMap((match) => {
    const inner = match[0].replace(/^[ \t]*\*(?!\/) ?/gm, "");
    return fenced(inner, file, lineOf(text, match.index), true).map((block) =>
      exported.length > 0 ? { ...block, exported } : block,
    );
  });
}

interface Span {
  readonly start: number;
  readonly end: number;
}

function isExpressionStatement(node: object): node is Span & { expression: Span & object } {
  return "type" in node && node.type === "ExpressionStatement";
}

/** Every expression statement below a syntax node, in order. */
function* statements(node: unknown): Generator<Span & { expression: Span & object }> {
  if (typeof node !== "object" || node === null) return;
  if (isExpressionStatement(node)) yield node;
  for (const child of Object.values(node)) yield* statements(child);
}

const printed = /^console\.log\(([\s\S]*)\)$/;
// The text may go on in lines that line up under its start.
const expectation = /^;?[ \t]*\n?[ \t]*\/\/ =>(?: ([^\n]*))?((?:\n[ \t]*\/\/ {4}[^\n]*)*)/;

/** Turns `expression // => text` into a call of `__expect`, keeping the lines where they were. */
function withExpectations({ code, line: firstLine }: Block): string {
  let out = "";
  let from = 0;
  for (const { start, expression } of statements(parseAst(code, { lang: "ts" }))) {
    const marker = expectation.exec(code.slice(expression.end));
    if (!marker || start < from) continue;
    const source = code.slice(expression.start, expression.end);
    const rest = (marker[2] ?? "").replace(/\n[ \t]*\/\/ {4}/g, "\n");
    // A text of several lines may also be written in one, as in a string.
    const first = (marker[1] ?? "").replaceAll("\\n", "\n");
    const value = printed.exec(source)?.[1] ?? source;
    const line = firstLine - 1 + lineOf(code, expression.start);
    out += code.slice(from, start);
    out += `__expect((${value}), ${JSON.stringify(first + rest)}, ${line});`;
    out += "\n".repeat(marker[0].split("\n").length - 1);
    from = expression.end + marker[0].length;
  }
  out += code.slice(from);
  const lost = out.indexOf("// =>");
  if (lost >= 0) {
    const line = firstLine - 1 + lineOf(out, lost);
    throw new Error(`line ${line}: "// =>" follows an expression, nothing else`);
  }
  return out;
}

/** The module that runs a block: it calls `globalThis.__expect(value, text, line)` for each stated value. */
export function toModule(block: Block): string {
  const imported = /\bfrom\s*["']flambeau["']/.test(block.code);
  const mentioned = (block.exported ?? []).filter((name) =>
    new RegExp(`(?<![.\\w])${name}\\b`).test(block.code),
  );
  const own =
    mentioned.length > 0
      ? `import { ${mentioned.join(", ")} } from ${JSON.stringify(path.resolve(block.file))}; `
      : "";
  const prelude = block.inComment && !imported ? `import * as torch from "flambeau"; ${own}` : "";
  return `${prelude}${withExpectations(block)}\nexport {};\n`;
}
