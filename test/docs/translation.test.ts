// A translated page runs the same examples as the original, in the same order; only comments are translated.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { findBlocks } from "./blocks.ts";

const docs = path.resolve(import.meta.dirname, "../../docs");
const pages = readdirSync(path.join(docs, "zh")).filter((name) => name.endsWith(".md"));

const code = (file: string): string[] =>
  findBlocks(file, readFileSync(path.join(docs, file), "utf8")).map((block) =>
    block.code.replace(/[ \t]*\/\/(?! =>| {4})[^\n]*/g, ""),
  );
const headings = (file: string): string[] =>
  (readFileSync(path.join(docs, file), "utf8").match(/^#+ /gm) ?? []).map((mark) => mark.trim());

it.each(pages)("docs/zh/%s follows docs/%s", (name) => {
  expect(existsSync(path.join(docs, name))).toBe(true);
  expect(code(`zh/${name}`)).toEqual(code(name));
  expect(headings(`zh/${name}`)).toEqual(headings(name));
});
