// Lists of sizes must have one hidden class wherever they come from: V8 throws away what it compiled for another.
import { setFlagsFromString } from "node:v8";
import { runInThisContext } from "node:vm";
import { expect, it } from "vitest";
import { cpu } from "../../src/core/device.ts";
import { joined, mapped, mappedNumbers, zeros } from "../../src/core/list.ts";
import { Tensor } from "../../src/core/tensor.ts";
import * as torch from "../../src/index.ts";

setFlagsFromString("--allow-natives-syntax");
// Not V8's public interface, but the only one that tells.
const classOf = runInThisContext(
  '(list) => (%HasHoleyElements(list) ? "holey " : "packed ") + (%HasSmiElements(list) ? "small integers" : "objects")',
) as (list: readonly unknown[]) => string;

it("gives lists the class of literals, compiled or not", () => {
  const seen = new Set<string>();
  for (let i = 0; i < 200_000; i++) {
    const numbers = mappedNumbers([64, i, 3], (size, at) => (at === 1 ? 1 : size));
    const objects = mapped(["a", "b"], (name) => ({ name }));
    mapped([1, 2], () => null);
    const longer = joined(zeros(i % 3), numbers);
    if (i % 1000 === 0) for (const list of [numbers, longer, objects]) seen.add(classOf(list));
  }
  expect([...seen]).toEqual([classOf([1, 2]), classOf(["a"])]);
});

it("hands kernels lists of that class, mapped over a batch or not", () => {
  const seen = new Map<string, string>();
  const note = (kernel: string, argument: unknown): void => {
    if (Array.isArray(argument)) for (const item of argument) note(kernel, item);
    if (argument instanceof Tensor && argument.sizes.length > 0)
      for (const list of [argument.sizes, argument.strides]) seen.set(classOf(list), kernel);
  };
  const { backend } = cpu;
  cpu.backend = new Proxy(backend, {
    get(target, name): unknown {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return (...args: readonly unknown[]) => {
        for (const argument of args) note(String(name), argument);
        return Reflect.apply(member, target, args) as unknown;
      };
    },
  });
  try {
    const { crossEntropy, linear } = torch.nn.functional;
    const loss = (w: torch.Tensor, v: torch.Tensor, x: torch.Tensor, y: torch.Tensor) =>
      crossEntropy(linear(linear(x, w).tanh(), v), y).add(x.cumsum(0).sort()[0].sum());
    const gradient = torch.func.grad(loss, { argnums: [0, 1] });
    const x = torch.randn(5, 4);
    const y = torch.randint(0, 2, [5]);
    gradient(torch.randn(3, 4), torch.randn(2, 3), x.select(0, 0), y.select(0, 0));
    torch.vmap(gradient, { inDims: [null, null, 0, 0] })(
      torch.randn(3, 4),
      torch.randn(2, 3),
      x,
      y,
    );
  } finally {
    cpu.backend = backend;
  }
  expect([...seen.keys()], JSON.stringify([...seen])).toEqual([classOf([1, 2])]);
});
