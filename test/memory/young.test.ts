// What a call leaves behind is found by the next minor collection: nothing that lives on refers to it, and no part of it is born old. V8
// makes a function old that is written straight into a property, for one, and keeps whatever that refers to until a full collection.
import { describe, expect, it } from "vitest";
import { loadAddon } from "../../src/backends/native/addon.ts";
import * as torch from "../../src/index.ts";
import { collect } from "../autograd/parity/collected.ts";

const addon = loadAddon();

function outstanding(): number {
  if ("reason" in addon) return 0;
  collect({ type: "minor" });
  addon.outstanding();
  return addon.frame[2]!;
}

const { autograd, func, nn, utils } = torch;
const x = torch.randn(32, 4000);
const leaf = torch.randn(32, 4000, { requiresGrad: true });
const wave = (t: torch.Tensor): torch.Tensor => t.sin().mul(t).sum();
const layer = new nn.Linear(4000, 40);
const optimizer = new torch.optim.Adam(layer.parameters());

const calls: Record<string, () => unknown> = {
  "a step forward": () => x.sin().mul(x),
  "a step forward and back": () => {
    leaf.grad = null;
    wave(leaf).backward();
  },
  "a training step": () => {
    optimizer.zeroGrad();
    wave(layer(x)).backward();
    optimizer.step();
  },
  "a retained gradient": () => {
    leaf.grad = null;
    const y = leaf.sin();
    y.retainGrad();
    y.sum().backward();
  },
  "autograd.grad with a graph": () => autograd.grad(wave(leaf), leaf, { createGraph: true }),
  "func.grad": () => func.grad(wave)(x),
  "func.vjp": () => func.vjp(wave, x)[1](torch.tensor(1)),
  "func.jvp": () => func.jvp(wave, [x], [x]),
  "func.vmap": () => func.vmap((row: torch.Tensor) => row.sin().mul(row))(x),
  "func.vmap of func.grad": () => func.vmap(func.grad(wave))(x),
  "func.functionalCall": () =>
    func.functionalCall(layer, Object.fromEntries(layer.namedParameters()), [x]),
  "a checkpoint": () => {
    leaf.grad = null;
    utils.checkpoint(wave, leaf).backward();
  },
  "saved-tensor hooks": () =>
    autograd.graph.savedTensorsHooks(
      (t: torch.Tensor) => [t],
      ([t]: torch.Tensor[]) => t!,
      () => autograd.grad(wave(leaf), leaf),
    ),
  "mutation of saved tensors": () =>
    autograd.graph.allowMutationOnSavedTensors(() => {
      const y = leaf.clone();
      const z = y.mul(y).sum();
      y.zero_();
      return autograd.grad(z, leaf);
    }),
};

describe.skipIf("reason" in addon)("minor collections free what is left of", () => {
  it.each(Object.entries(calls))("%s", (_, call) => {
    for (let i = 0; i < 3; i++) call();
    collect();
    const before = outstanding();
    for (let i = 0; i < 24; i++) {
      call();
      outstanding();
    }
    // Each call leaves at least half a megabyte. What the backend collects in the midst of one may grow old.
    expect(outstanding() - before).toBeLessThan(2 ** 23);
  });
});

it.skipIf("reason" in addon)(
  "steps between which collections are forced leave nothing for a full one",
  () => {
    const [wide, narrow] = [torch.ones(2 ** 20), torch.ones(40_000)];
    collect();
    const before = outstanding();
    // A megabyte from which middling tensors are cut serves six steps, a collection comes every four.
    for (let i = 0; i < 300; i++) {
      wide.add(1);
      narrow.add(1);
    }
    expect(outstanding() - before).toBeLessThan(2 ** 23);
  },
);
