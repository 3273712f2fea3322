// Runs every TypeScript example of the doc comments, the README and the documentation, and checks the values it states.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { findBlocks, toModule, type Block } from "./blocks.ts";

const root = path.resolve(import.meta.dirname, "../..");
const modules = path.join(root, "out/examples");

function filesUnder(folder: string, extension: string): string[] {
  if (!existsSync(path.join(root, folder))) return [];
  return readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(extension))
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`)
    .sort();
}

const readme = existsSync(path.join(root, "README.md")) ? ["README.md"] : [];
const files = [...filesUnder("src", ".ts"), ...readme, ...filesUnder("docs", ".md")];
const blocks = files.flatMap((file) =>
  findBlocks(file, readFileSync(path.join(root, file), "utf8")),
);

async function run(block: Block): Promise<void> {
  const name = `${block.file.replace(/[^a-z0-9]+/gi, "-")}-${block.line}.ts`;
  const file = path.join(modules, name);
  writeFileSync(file, toModule(block));
  await import(pathToFileURL(file).href);
}

beforeAll(() => {
  rmSync(modules, { recursive: true, force: true });
  mkdirSync(modules, { recursive: true });
  vi.stubGlobal("__expect", (value: unknown, text: string, line: number) =>
    expect(String(value), `at line ${line}`).toBe(text),
  );
  vi.spyOn(console, "log").mockImplementation(() => {});
});

afterAll(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

it("finds examples in the sources", () => {
  expect(blocks.some((block) => block.inComment)).toBe(true);
});

describe.each([...new Set(blocks.map((block) => block.file))])("%s", (file) => {
  for (const block of blocks.filter((candidate) => candidate.file === file)) {
    const name = `example at line ${block.line}`;
    if (block.skipped === undefined) it(name, () => run(block));
    else it(`${name} says why it is not run`, () => expect(block.skipped).not.toBe(""));
  }
});
