// What JavaScript computes for a few elements must have the very bits that the kernels give.
import { describe, expect, it } from "vitest";
import type { NativeBlock } from "../../src/backends/native/memory.ts";
import { type DType, float32, float64 } from "../../src/core/dtype.ts";
import { type Expression, input } from "../../src/core/expression.ts";
import { Program } from "../../src/core/program.ts";
import { f, functionNames, functionOf } from "../../src/core/scalar.ts";
import { scriptsOf } from "../../src/backends/native/script.ts";
import { backend, empty, hosted, tensor, values, view } from "./support.ts";

const awkward = [0, -0, 1, -1, 0.1, -2.5, 3.5, 1e-40, -1e30, 3e38, 0.5, -0.5].concat([
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  7,
]);

function programOf(
  expression: Expression,
  inputs: number,
  dtype: DType,
): ReturnType<Program["typed"]> {
  return new Program([expression], inputs, 0).typed(dtype, new Array<DType>(inputs).fill(dtype), [
    dtype,
  ]);
}

describe.each([float32, float64])("%s", (dtype) => {
  const exact = functionNames.filter((name) => functionOf(name).exact);
  it.each(exact)("%s of a few elements has the kernel's bits", (name) => {
    const arity = functionOf(name).evaluate.length;
    const operands = Array.from({ length: arity }, (_, k) => input(k));
    const program = programOf(f[name](...operands), arity, dtype);
    expect(scriptsOf(program).map).not.toBeNull();
    for (let shift = 0; shift < awkward.length; shift++) {
      const lists = operands.map((_, k) =>
        awkward.map((__, i) => awkward[(i * (k + 1) + shift * k) % 16]!),
      );
      const few = empty([16], dtype);
      backend.map(
        program,
        few,
        lists.map((list) => tensor(list, [16], dtype)),
        [],
      );
      const many = empty([16], dtype);
      backend.map(
        program,
        many,
        lists.map((list) => hosted(list, [16], dtype)),
        [],
      );
      expect(values(few)).toEqual(values(many));
    }
  });
  it("steps over single elements, takes scalars and writes in place", () => {
    const program = new Program([f.mul(f.add(input(0), input(1)), input(0))], 2, 0).typed(
      dtype,
      [dtype, dtype],
      [dtype],
    );
    const x = tensor([1, 2, 3], [3], dtype);
    backend.map(program, x, [x, tensor([10], [1], dtype)], []);
    expect(values(x)).toEqual([11, 24, 39]);
  });
  it("multiplies small matrices of any strides", () => {
    const a = tensor([1, 2, 3, 4, 5, 6], [2, 3], dtype);
    const out = empty([3, 3], dtype);
    backend.matmul(out, view(a, [3, 2], [1, 3]), a, 1, 0, null);
    expect(values(out)).toEqual([17, 22, 27, 22, 29, 36, 27, 36, 45]);
  });
});

describe("sums", () => {
  it("of float32 are those of the kernel", () => {
    const program = programOf(f.mul(input(0), input(0)), 1, float32);
    for (let n = 1; n <= 16; n++) {
      const list = Array.from({ length: n }, (_, i) =>
        Math.fround(Math.sin(i * 7 + n) * 10 ** (i % 5)),
      );
      const few = empty([1]);
      backend.reduce("sum", program, few, [tensor(list, [n])], [], [n], 3);
      const many = empty([1]);
      backend.reduce("sum", program, many, [hosted(list, [n])], [], [n], 3);
      expect(values(few)).toEqual(values(many));
    }
  });
});

describe("functions that are not exact", () => {
  it("are left to the kernels", () => {
    const scripts = scriptsOf(programOf(f.exp(input(0)), 1, float32));
    expect(scripts.map).toBeNull();
    expect(scripts.sum).toBeNull();
  });
});

describe("tiny tensors", () => {
  it("always lie where JavaScript sees them, however many are alive", () => {
    const live = Array.from({ length: 150_000 }, () => empty([2]).storage.memory as NativeBlock);
    expect(live.every(({ place }) => place >= 0)).toBe(true);
  });
  it("are written by JavaScript without being moved", () => {
    const t = empty([3]);
    const { buffer, byteOffset } = t.storage.bytes();
    new Float32Array(buffer, byteOffset, 3).set([1, 2, 3]);
    expect(t.storage.position).toBeGreaterThanOrEqual(0);
    expect(values(t)).toEqual([1, 2, 3]);
  });
});
