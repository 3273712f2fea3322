// Reads recorded calls of PyTorch, makes them here, and compares values, gradients and second gradients.
import { readFileSync } from "node:fs";
import * as torch from "flambeau";
import { expect } from "vitest";

interface Encoded {
  readonly data: readonly (number | string | boolean)[];
  readonly shape: readonly number[];
  readonly dtype: "float64" | "float32" | "int64" | "bool";
  readonly grad: boolean;
}
interface Case {
  readonly call: string;
  readonly args: readonly unknown[];
  readonly options: Readonly<Record<string, unknown>>;
  readonly out: readonly Encoded[];
  readonly grads?: readonly (Encoded | null)[];
  readonly grads2?: readonly (Encoded | null)[];
}
type Section = "reduce" | "singular" | "matmul" | "loss";

const recorded = JSON.parse(
  readFileSync(new URL("../golden/reductions.json", import.meta.url), "utf8"),
) as Record<Section, readonly Case[]>;

const camel = (name: string): string =>
  name.replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

const numbers = (data: Encoded["data"]): number[] =>
  data.map((x) => (x === "inf" ? Infinity : x === "-inf" ? -Infinity : Number(x)));

const isEncoded = (value: unknown): value is Encoded =>
  value !== null && typeof value === "object" && "shape" in value;

/** Every call with its place in the list, as rows for `test.each`. */
export function cases(section: Section): readonly (readonly [string, Case])[] {
  return recorded[section].map((c, i) => [`${i} ${c.call}`, c] as const);
}

function compare(got: torch.Tensor | null, want: Encoded | null, what: string): void {
  // A gradient that PyTorch leaves out is zero.
  if (want === null || got === null) {
    const rest = want === null ? (got === null ? [] : values(got)) : numbers(want.data);
    for (const x of rest) expect(x, what).toBe(0);
    return;
  }
  expect([...got.shape], `${what}: shape`).toEqual([...want.shape]);
  expect(got.dtype.name, `${what}: type`).toBe(want.dtype);
  const [own, other] = [values(got), numbers(want.data)];
  other.forEach((x, i) => {
    if (Number.isFinite(x))
      expect(Math.abs(own[i]! - x), `${what}[${i}]: ${own[i]} for ${x}`).toBeLessThanOrEqual(
        1e-9 + 1e-8 * Math.abs(x),
      );
    else expect(own[i], `${what}[${i}]`).toBe(x);
  });
}

/** The elements as numbers, in row-major order. */
function values(t: torch.Tensor): number[] {
  return Array.from(t.detach().reshape([-1]).contiguous().toTypedArray(), Number);
}

/** Evenly spaced values of a shape, as the recording script gives for gradients. */
function spaced(like: torch.Tensor, from: number, to: number): torch.Tensor {
  const n = values(like).length;
  const data = Array.from({ length: n }, (_, i) =>
    n === 1 ? from : from + ((to - from) * i) / (n - 1),
  );
  return torch.tensor(data, { dtype: like.dtype }).reshape(like.shape);
}

const dtypes = {
  float64: torch.float64,
  float32: torch.float32,
  int64: torch.int64,
  bool: torch.bool,
};

/** Makes the call. With `strided`, every tensor of two dimensions or more lies transposed in memory. */
export function check(recordedCase: Case, strided: boolean = false): void {
  // A result shows nothing that the caller has not seen, so it may be changed in place.
  for (const result of compareAll(recordedCase, strided))
    expect(() => result.mul_(1)).not.toThrow();
}

type Operation = (...args: unknown[]) => torch.Tensor | Iterable<torch.Tensor>;

/** A recorded call: the operation, its arguments, options included, and those of them that gradients are for. */
function decoded(recordedCase: Case, strided: boolean) {
  const leaves: torch.Tensor[] = [];
  const decode = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(decode);
    if (!isEncoded(value)) return value;
    let t = torch.tensor(numbers(value.data), { dtype: dtypes[value.dtype] }).reshape(value.shape);
    if (strided && value.shape.length > 1) t = t.transpose(0, -1).clone().transpose(0, -1);
    if (value.grad) {
      t.requiresGrad_();
      leaves.push(t);
    }
    return t;
  };
  let operation: unknown = torch;
  for (const name of recordedCase.call.split("."))
    operation = (operation as Record<string, unknown>)[camel(name)];
  const options = Object.fromEntries(
    Object.entries(recordedCase.options).map(([name, value]) => [camel(name), decode(value)]),
  );
  const args = recordedCase.args.map(decode);
  if (Object.keys(options).length > 0) args.push(options);
  return { operation: operation as Operation, args, leaves };
}

/** Compares derivatives in forward mode along 1, 2, 3, ...: the operation's, and that of the gradient of its sum. */
export function checkForward(recordedCase: Case): void {
  const { operation, args } = decoded(recordedCase, false);
  const [point, ...others] = args as [torch.Tensor, ...unknown[]];
  const along = (x: torch.Tensor): torch.Tensor => operation(x, ...others) as torch.Tensor;
  const direction = torch.arange(1, point.numel() + 1, { dtype: point.dtype }).reshape(point.shape);
  const slope = torch.func.grad((x: torch.Tensor) => along(x).sum());
  [along, slope].forEach((each, i) =>
    compare(
      torch.func.jvp(each, [point.detach()], [direction])[1],
      recordedCase.out[i]!,
      `derivative ${i}`,
    ),
  );
}

/** The results that have gradients, after everything recorded of the call was compared. */
function compareAll(recordedCase: Case, strided: boolean): readonly torch.Tensor[] {
  const { operation, args, leaves } = decoded(recordedCase, strided);
  const result = operation(...args);
  const out = result instanceof torch.Tensor ? [result] : [...result];
  recordedCase.out.forEach((want, i) => compare(out[i]!, want, `result ${i}`));
  const differentiable = out.filter((t) => t.requiresGrad);
  if (recordedCase.grads === undefined) return differentiable;
  const grads = torch.autograd.grad(differentiable, leaves, {
    gradOutputs: differentiable.map((t) => spaced(t, 0.5, 1.5)),
    createGraph: true,
    allowUnused: true,
  });
  // The fast rules of a pass that is not recorded must agree with the ones that can be differentiated.
  const plain = torch.autograd.grad(differentiable, leaves, {
    gradOutputs: differentiable.map((t) => spaced(t, 0.5, 1.5)),
    retainGraph: true,
    allowUnused: true,
  });
  recordedCase.grads.forEach((want, i) => {
    compare(grads[i]!, want, `gradient ${i}`);
    compare(plain[i]!, want, `unrecorded gradient ${i}`);
  });
  const again = grads.filter((g) => g !== null && g.requiresGrad) as torch.Tensor[];
  if (recordedCase.grads2 === undefined) return differentiable;
  const second =
    again.length === 0
      ? leaves.map(() => null)
      : torch.autograd.grad(again, leaves, {
          gradOutputs: again.map((g) => spaced(g, -1, 1)),
          allowUnused: true,
        });
  recordedCase.grads2.forEach((want, i) => compare(second[i]!, want, `second gradient ${i}`));
  return differentiable;
}
