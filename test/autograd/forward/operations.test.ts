// Tangents of every operation that is not pointwise. An operation of which no sample leaves a node in the graph fails here too.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import * as torch from "flambeau";
import type { Tensor } from "flambeau";
import { describe, expect, it } from "vitest";
import type { Node } from "../../../src/autograd/node.ts";
import { nodeName } from "../../../src/ops/define/nodename.ts";
import { expectTangents } from "./check.ts";
import { drawn, source } from "./draw.ts";
import { samples } from "./samples.ts";

describe.each(samples.map((sample) => ({ label: source(sample), sample })))(
  "$label",
  ({ sample }) => {
    it("pushes tangents as it pulls gradients back", () =>
      expectTangents(sample.compute, drawn(sample), sample));
  },
);

/** The names of the nodes that the samples leave behind. */
function seen(): Set<string> {
  const names = new Set<string>();
  const visited = new Set<Node<Tensor>>();
  const visit = (start: Node<Tensor>): void => {
    const open = [start];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      if (visited.has(node)) continue;
      visited.add(node);
      names.add(node.name);
      for (const next of node.next) if (next !== null) open.push(next);
    }
  };
  for (const sample of samples) {
    const inputs = drawn(sample).map((x) => x.requiresGrad_());
    const out = sample.compute(...inputs);
    for (const y of out instanceof torch.Tensor ? [out] : out)
      if (y.gradFn !== null) {
        visit(y.gradFn);
        for (const g of torch.autograd.grad(y.mul(y).sum(), inputs, {
          createGraph: true,
          allowUnused: true,
        }))
          if (g?.gradFn != null) visit(g.gradFn);
      }
  }
  return names;
}

/** The nodes of the records with rules, as the sources name them; those made in a function under a name of its caller's are not among them. */
function* recorded(): Generator<string> {
  const folder = path.join(import.meta.dirname, "../../../src/ops");
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts")) continue;
    const text = readFileSync(path.join(folder, file), "utf8");
    for (const { index } of text.matchAll(/= operation(<[^(]*>)?\(\{/g)) {
      const record = text.slice(index, text.indexOf("\n});", index));
      const name = /^ {2}name: "(\w+)"/m.exec(record)?.[1];
      const node = /^ {2}node: "(\w+)"/m.exec(record)?.[1];
      if (name !== undefined && record.includes("backward:")) yield nodeName(name, node);
    }
  }
}

// Nodes of mapped functions, which have tests of their own, and of in-place forms, whose node is CopySlices or that of the other form.
const elsewhere = /Batch/;

it("every operation with a rule is among the samples", () => {
  const names = seen();
  const missing = [...new Set(recorded())].filter(
    (name) => !names.has(name) && !elsewhere.test(name),
  );
  expect([...recorded()].length).toBeGreaterThan(50);
  expect(missing).toEqual([]);
});
