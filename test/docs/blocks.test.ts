// The finder of examples must find, rewrite and refuse the right things, or the examples would pass unread.
import { expect, it } from "vitest";
import { findBlocks, toModule, type Block } from "./blocks.ts";

const block = (code: string): Block => ({
  file: "x.ts",
  line: 1,
  code,
  inComment: false,
  skipped: undefined,
});

function run(code: string): [unknown, string, number][] {
  const seen: [unknown, string, number][] = [];
  const body = toModule(block(code)).replace("export {};", "");
  // oxlint-disable-next-line typescript/no-implied-eval -- the rewritten block is plain JavaScript here
  new Function("__expect", body)((...call: [unknown, string, number]) => seen.push(call));
  return seen;
}

it("finds the blocks of doc comments with their lines", () => {
  const text = [
    "const a = 1;",
    "/**",
    " * Adds.",
    " * @example",
    " * ```ts",
    " * 1 + 1 // => 2",
    " * ```",
    " * ```ts no-run needs a file",
    " * open();",
    " * ```",
    " */",
    "// ```ts",
    "// not a doc comment",
    "// ```",
  ].join("\n");
  expect(findBlocks("src/a.ts", text)).toEqual([
    { file: "src/a.ts", line: 6, code: "1 + 1 // => 2\n", inComment: true, skipped: undefined },
    { file: "src/a.ts", line: 9, code: "open();\n", inComment: true, skipped: "needs a file" },
  ]);
});

it("finds the blocks of Markdown, and only those marked ts", () => {
  const text = "# A\n\n```sh\nls\n```\n\n```ts\nx;\n```\n";
  expect(findBlocks("README.md", text)).toMatchObject([{ line: 8, code: "x;\n" }]);
  expect(() => findBlocks("README.md", "```ts norun\n```\n")).toThrow("not understood");
});

it("imports the namespace where a doc comment leaves it out", () => {
  const code = "torch.ones(2);\n";
  expect(toModule({ ...block(code), inComment: true })).toMatch(/^import \* as torch/);
  expect(toModule(block(code))).not.toMatch(/import/);
  const own = 'import { ones } from "flambeau";\nones(2);\n';
  expect(toModule({ ...block(own), inComment: true })).not.toMatch(/torch/);
});

it("checks the value of an expression and of a console.log", () => {
  expect(run("const x = 1;\nx + 1; // => 2\nconsole.log(x) // => 1\n")).toEqual([
    [2, "2", 2],
    [1, "1", 3],
  ]);
});

it("takes an expression over several lines, and a text below it over several lines", () => {
  const code =
    "[\n  1,\n  2,\n]\n// => a\n//    b\n//      c\n// a comment\nif (true) {\n  3 // => 3\n}\n";
  expect(run(code)).toEqual([
    [[1, 2], "a\nb\n  c", 1],
    [3, "3", 10],
  ]);
});

it("keeps lines where they were", () => {
  const code = "1\n// => a\n//    b\nthrow new Error();\n";
  expect(toModule(block(code)).split("\n")[3]).toBe("throw new Error();");
});

it("refuses an expected value that follows no expression", () => {
  expect(() => toModule(block("1;\nconst y = 2; // => 2\n"))).toThrow("line 2");
});
