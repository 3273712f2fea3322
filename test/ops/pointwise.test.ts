// Every pointwise operation of the registry: values and gradients against PyTorch's, derivatives against finite differences,
// and the same results for every layout of memory and in place.
import { readFileSync } from "node:fs";
import path from "node:path";
import * as torch from "flambeau";
import type { Tensor } from "flambeau";
import { describe, expect, it } from "vitest";
import { dtypes } from "../../src/core/dtype.ts";
import type { Variant } from "../../src/ops/define/dispatch.ts";
import type { PointwiseRecord } from "../../src/ops/define/pointwise.ts";
import { families, isOperation, type Operation } from "../../src/ops/methods.ts";

interface Encoded {
  readonly dtype?: "float64" | "float32" | "int64" | "int32" | "bool";
  readonly shape?: readonly number[];
  readonly values?: readonly (string | number | boolean)[];
  readonly number?: string | number;
  readonly leaf?: boolean;
}
interface Case {
  readonly call: string;
  readonly arguments: readonly Encoded[];
  readonly trailing?: readonly number[];
  readonly options: Readonly<Record<string, unknown>>;
  readonly outputs: readonly Encoded[];
  readonly node?: string;
  readonly gradients?: readonly (Encoded | null)[] | "refused";
  /** The gradients of the sum of the gradients. */
  readonly seconds?: readonly (Encoded | null)[] | null;
}

const golden = JSON.parse(
  readFileSync(path.join(import.meta.dirname, "../golden/pointwise.json"), "utf8"),
) as readonly Case[];

const names: Readonly<Record<string, number>> = { inf: Infinity, "-inf": -Infinity, nan: NaN };
const numberOf = (value: string | number | boolean): number =>
  typeof value === "string" ? (names[value] ?? Number(value)) : Number(value);

function decode(value: Encoded): Tensor | number {
  if (value.values === undefined) return numberOf(value.number!);
  const dtype = dtypes.find(({ name }) => name === value.dtype)!;
  const out = torch.tensor(value.values.map(numberOf), { dtype }).reshape(value.shape!);
  return value.leaf === true ? out.detach().requiresGrad_() : out;
}

function find(call: string): (...args: readonly unknown[]) => Tensor {
  let found: unknown = torch;
  for (const part of call.split(".")) found = (found as Record<string, unknown>)[part];
  return found as (...args: readonly unknown[]) => Tensor;
}

const flat = (t: Tensor): number[] => Array.from(t.detach().reshape(-1).toTypedArray(), Number);

// Where PyTorch itself is less exact in float64: constants kept in single precision, series cut short, a limit missed.
const digits: Readonly<Record<string, number>> = {
  "nn.functional.hardsigmoid": 1e-7,
  "nn.functional.celu": 1e-6,
  polygamma: 1e-9,
  digamma: 1e-9,
  "special.logNdtr": 1e-7,
};

// The same of second derivatives: a difference of equals, and less exact zeta functions.
const secondDigits: Readonly<Record<string, number>> = {
  "special.logNdtr": 1e-4,
  lgamma: 1e-9,
  mvlgamma: 1e-8,
  "special.zeta": 1e-9,
};

// At 0, where one slope ends and another begins, PyTorch's second derivatives are not those of its first.
const otherSeconds = new Set(["prelu"]);

function expectClose(
  got: readonly number[],
  want: readonly number[],
  relative: number,
  what: string,
): void {
  expect(got.length, what).toBe(want.length);
  want.forEach((w, i) => {
    const g = got[i]!;
    // Of NaN and infinities the kind must agree.
    const agrees = Object.is(g, w) || g === w || Math.abs(g - w) <= relative * Math.abs(w) + 1e-13;
    if (!agrees) expect.fail(`${what}[${i}]: got ${g}, PyTorch gives ${w}`);
  });
}

// What PyTorch composes of several nodes is one here, or the other way round.
const otherNodes = new Set([
  "nn.functional.glu",
  "prelu",
  "mvlgamma",
  "floatPower",
  "special.ndtr",
]);

describe("PyTorch's numbers", () => {
  golden.forEach((entry, index) => {
    it(`${entry.call}, call ${index}`, () => {
      const inputs = entry.arguments.map(decode);
      const leaves = inputs.filter((t): t is Tensor => typeof t === "object" && t.requiresGrad);
      const out: unknown = find(entry.call)(...inputs, ...(entry.trailing ?? []), entry.options);
      const outputs =
        Symbol.iterator in Object(out) && !torch.isTensor(out)
          ? [...(out as Iterable<Tensor>)]
          : [out as Tensor];
      const exact = digits[entry.call] ?? 1e-11;
      entry.outputs.forEach((want, i) => {
        expect(outputs[i]!.dtype.name).toBe(want.dtype);
        expectClose(
          flat(outputs[i]!),
          want.values!.map(numberOf),
          want.dtype === "float32" ? 1e-6 : exact,
          `output ${i}`,
        );
      });
      if (entry.gradients === undefined) return;
      const first = outputs[0]!;
      const gradientsOf = (of: readonly Tensor[]): readonly (Tensor | null)[] =>
        torch.autograd.grad(of, leaves, {
          gradOutputs: of.map((t) => torch.onesLike(t)),
          allowUnused: true,
          createGraph: true,
        });
      const run = (): readonly (Tensor | null)[] => gradientsOf([first]);
      if (entry.gradients === "refused") {
        expect(run).toThrow(torch.AutogradError);
        return;
      }
      if (!otherNodes.has(entry.call)) expect(first.gradFn!.name).toBe(entry.node);
      const gradients = run();
      entry.gradients.forEach((want, i) => {
        const got = gradients[i];
        const wanted = want === null ? leaves[i]!.detach().mul(0) : (decode(want) as Tensor);
        if (want === null) expect(got ?? null).toBeNull();
        else expectClose(flat(got!), flat(wanted), exact, `gradient ${i}`);
      });
      if (entry.seconds == null || otherSeconds.has(entry.call)) return;
      const seconds = gradientsOf(gradients.filter((g) => g?.requiresGrad === true) as Tensor[]);
      const operands = leaves.map(flat);
      entry.seconds.forEach((want, i) => {
        if (want === null) return;
        const wanted = flat(decode(want) as Tensor);
        const got = flat(seconds[i] ?? leaves[i]!.detach().mul(0));
        // PyTorch's rules for second derivatives give NaN at many points where there is a limit, and a number at NaN.
        const known = got.map((x, k) => {
          const operand = operands.some((values) => Number.isNaN(values[k]));
          return Number.isNaN(wanted[k]) || (operand && Number.isNaN(x)) ? wanted[k]! : x;
        });
        expectClose(known, wanted, secondDigits[entry.call] ?? exact, `second gradient ${i}`);
      });
    });
  });
});

interface Found {
  readonly label: string;
  readonly operation: Operation;
  readonly record: PointwiseRecord;
}

/** Every pointwise record: the exported ones, and the variants of those that choose among several. */
function* pointwiseRecords(): Generator<Found> {
  const seen = new Set<unknown>();
  for (const family of families)
    for (const [name, value] of Object.entries(family)) {
      if (!isOperation(value)) continue;
      const { variants } = value.record as { variants?: readonly Variant[] };
      for (const [i, operation] of (variants ?? [value]).entries()) {
        const record = operation.record as unknown as PointwiseRecord;
        if (record.promotion === undefined || seen.has(operation)) continue;
        seen.add(operation);
        yield { label: variants === undefined ? name : `${name}, variant ${i}`, operation, record };
      }
    }
}
const found = [...pointwiseRecords()];

it("knows PyTorch's numbers for every operation", () => {
  const known = new Set(golden.map((entry) => entry.call.split(".").at(-1)));
  const unknown = found.map(({ record }) => record.name).filter((name) => !known.has(name));
  expect(unknown).toEqual([]);
});

const refusesFloats = ({ record }: Found): boolean => record.refuses?.(torch.float64) !== undefined;
const generator = new torch.Generator().manualSeed(7);

/** Operands from the domain: tensors of the given sizes, masks for conditions, numbers where `asNumber` says so. */
function operands(
  { record }: Found,
  sizes: readonly (readonly number[])[],
  asNumber: number = 0,
): (Tensor | number)[] {
  const [low, high] = record.domain ?? [-1.5, 1.5];
  return record.inputs.map((input, i) => {
    const name = input.replace("?", "");
    const size = sizes[i % sizes.length]!;
    if (record.conditions?.includes(name) === true)
      return input.endsWith("?") ? 2.5 : torch.rand(size, { generator }).gt(0.5);
    if ((asNumber >> i) & 1) return low + (high - low) * 0.37;
    return refusesFloats({ record } as Found)
      ? torch.randint(-9, 9, size, { generator })
      : torch
          .rand(size, { generator, dtype: torch.float64 })
          .mul(high - low)
          .add(low);
  });
}

const step = 1e-5;

/** The derivative of a scalar function of tensors along each element of one of them, by central differences. */
function differences(f: () => number, x: Tensor): number[] {
  const line = x.reshape(-1);
  return flat(x).map((value, i) => {
    line.select(0, i).fill_(value + step);
    const above = f();
    line.select(0, i).fill_(value - step);
    const below = f();
    line.select(0, i).fill_(value);
    return (above - below) / (2 * step);
  });
}

function expectNear(got: readonly number[], want: readonly number[], what: string): void {
  got.forEach((g, i) => {
    if (!(Math.abs(g - want[i]!) <= 1e-5 * (1 + Math.abs(want[i]!))))
      expect.fail(`${what}[${i}]: the rule gives ${g}, finite differences ${want[i]}`);
  });
}

const weightsOf = (like: Tensor): Tensor =>
  torch.rand(like.shape, { generator, dtype: torch.float64 }).add(0.5);

describe.each(found)("$label", (one) => {
  const { operation, record } = one;
  const call = operation as (...args: readonly unknown[]) => Tensor;
  const differentiable =
    record.promotion !== "comparison" && record.derivative !== "none" && !refusesFloats(one);

  const patterns = record.inputs.map((name, i) => (name.endsWith("?") ? 1 << i : 0));
  it
    .skipIf(!differentiable)
    .each([0, ...patterns.filter((bit) => bit > 0 && record.inputs.length > 1)])(
    "has the derivatives that its values have, numbers %i",
    (asNumber) => {
      const inputs = operands(one, [[3]], asNumber);
      const options = Object.fromEntries(
        Object.entries(record.scalars ?? {}).map(([name, value]) => [name, value + 0.25]),
      );
      const tensors = inputs.filter(
        (t): t is Tensor => typeof t === "object" && t.dtype.isFloatingPoint,
      );
      const value = (): Tensor => call(...inputs, options);
      const weights = weightsOf(value());
      const loss = (): Tensor => value().mul(weights).sum();
      for (const t of tensors) t.requiresGrad_();
      const first = torch.autograd.grad([loss()], tensors, {
        createGraph: true,
        allowUnused: true,
      });
      const seconds = tensors.map((_, i) => (first[i] == null ? null : weightsOf(first[i]!)));
      const mixed = (): Tensor => {
        const gradients = torch.autograd.grad([loss()], tensors, {
          createGraph: true,
          allowUnused: true,
        });
        return gradients
          .map((g, i) =>
            g === null ? torch.zeros([], { dtype: torch.float64 }) : g.mul(seconds[i]!).sum(),
          )
          .reduce((a, b) => a.add(b));
      };
      const total = mixed();
      const second = total.requiresGrad
        ? torch.autograd.grad([total], tensors, { allowUnused: true })
        : tensors.map(() => null);
      const quietly = (x: Tensor, f: () => Tensor): number[] => {
        const held = x.detach();
        return differences(() => f().item(), held);
      };
      tensors.forEach((x, i) => {
        const zeros = (): Tensor => x.detach().mul(0);
        // A declared lack of a gradient is not a gradient of zero: zeta by its exponent.
        if (first[i] === null) return;
        expectNear(flat(first[i] ?? zeros()), quietly(x, loss), `gradient ${i}`);
        expectNear(flat(second[i] ?? zeros()), quietly(x, mixed), `second gradient ${i}`);
      });
    },
  );

  it("gives the same for every layout", () => {
    const inputs = operands(one, [[3, 4]]);
    const strided = inputs.map((t) => (typeof t === "number" ? t : t.t().contiguous().t()));
    expect(flat(call(...strided))).toEqual(flat(call(...inputs)));
    const every = inputs.map((t) =>
      typeof t === "number" ? t : torch.stack([t, t.logicalNot().to(t.dtype)], 2).select(2, 0),
    );
    expect(flat(call(...every))).toEqual(flat(call(...inputs)));
  });

  it("broadcasts", () => {
    const inputs = operands(one, [[3, 1], [4], [1, 1]]);
    const sizes = inputs.length > 1 && typeof inputs[1] === "object" ? [3, 4] : [3, 1];
    const grown = inputs.map((t) => (typeof t === "number" ? t : t.expand(sizes).contiguous()));
    const out = call(...inputs);
    expect([...out.shape]).toEqual(sizes);
    expect(flat(out)).toEqual(flat(call(...grown)));
  });

  it("takes tensors without elements and without dimensions", () => {
    expect([...call(...operands(one, [[0, 3]])).shape]).toEqual([0, 3]);
    expect([...call(...operands(one, [[]])).shape]).toEqual([]);
  });

  it.skipIf(operation.inPlace === null)("does the same in place", () => {
    const inputs = operands(one, [[3, 4]]);
    const self = inputs[0] as Tensor;
    const want = call(...inputs);
    const target = self.clone();
    expect(operation.inPlace!(target, ...inputs.slice(1))).toBe(target);
    expect(flat(target)).toEqual(flat(want.to(self.dtype)));
    if (!differentiable) return;
    const gradient = (inPlace: boolean): number[] => {
      const leaf = self.detach().clone().requiresGrad_();
      const copy = leaf.clone();
      const out = inPlace
        ? (operation.inPlace!(copy, ...inputs.slice(1)) as Tensor)
        : call(copy, ...inputs.slice(1));
      out.mul(out).sum().backward();
      return flat(leaf.grad!);
    };
    expect(gradient(true)).toEqual(gradient(false));
  });
});

it("takes true and false as booleans: they make no integers of booleans", () => {
  const mask = torch.tensor([true, false]);
  // The types ask for numbers; JavaScript does not.
  const yes = true as never;
  const results = [
    [mask.mul(yes), [true, false]],
    [mask.add(yes), [true, true]],
    [mask.bitwiseXor(yes), [false, true]],
    [torch.where(mask, false, true), [false, true]],
    [mask.eq(yes), [true, false]],
  ] as const;
  for (const [result, values] of results) {
    expect(result.dtype).toBe(torch.bool);
    expect(result.tolist()).toEqual(values);
  }
  expect(() => mask.sub(yes)).toThrow(torch.DTypeError);
  expect(mask.div(yes).dtype).toBe(torch.float32);
  expect(torch.where(mask, 2, false).dtype).toBe(torch.int64);
  expect(torch.tensor([3], { dtype: torch.int32 }).mul(yes).dtype).toBe(torch.int32);
});
