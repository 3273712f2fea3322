import { describe, expect, it } from "vitest";
import { bool, dtypes, float32, float64, int64, uint8 } from "../../src/core/dtype.ts";
import { constant, input, scalar } from "../../src/core/expression.ts";
import { Program } from "../../src/core/program.ts";
import { f, type FunctionName, functionNames, functionOf } from "../../src/core/scalar.ts";
import {
  backend,
  computeType,
  empty,
  hosted,
  noise,
  program,
  tensor,
  transposed,
  values,
  view,
} from "./support.ts";

const addition = program(f.add(input(0), input(1)), 2, 0, float32);
const sum = (a: readonly number[], b: (i: number) => number): number[] =>
  a.map((x, i) => Math.fround(x + b(i)));

describe("layouts", () => {
  for (const count of [1, 7, 8, 16, 17, 511, 513, 5000, 200000])
    it(`adds ${count} elements, also in place and to a single one`, () => {
      const [a, b] = [noise(count), noise(count, 2)];
      const output = empty([count]);
      backend.map(addition, output, [tensor(a, [count]), hosted(b, [count])], []);
      expect(values(output)).toEqual(sum(a, (i) => b[i]!));
      backend.map(addition, output, [output, tensor([2], [])], []);
      expect(values(output)).toEqual(
        sum(
          sum(a, (i) => b[i]!),
          () => 2,
        ),
      );
    });
  for (const [m, n] of [
    [3, 5],
    [70, 90],
    [300, 7],
    [7, 300],
    [130, 257],
  ] as const)
    it(`broadcasts and transposes ${m} x ${n}`, () => {
      const a = noise(m * n);
      for (const flipped of [false, true])
        for (const flippedOutput of [false, true]) {
          const plain = tensor(a, [m, n]);
          const other = tensor(values(transposed(plain)), [n, m]);
          const left = flipped ? transposed(other) : plain;
          const output = flippedOutput ? transposed(empty([n, m])) : empty([m, n]);
          const b = noise(m * n, 3);
          backend.map(addition, output, [left, tensor(b.slice(0, n), [n])], []);
          expect(values(output)).toEqual(sum(a, (i) => b[i % n]!));
          backend.map(addition, output, [left, tensor(b.slice(0, m), [m, 1])], []);
          expect(values(output)).toEqual(sum(a, (i) => b[Math.floor(i / n)]!));
          const backwards = view(tensor(b, [m, n]), [m, n], [n, -1], n - 1);
          backend.map(addition, output, [left, backwards], []);
          expect(values(output)).toEqual(sum(a, (i) => b[i - (i % n) + n - 1 - (i % n)]!));
        }
    });
  it("runs several outputs, and more dimensions than memory has runs", () => {
    const several = new Program(
      [f.add(input(0), input(1)), f.mul(input(0), scalar(0)), input(1)],
      2,
      1,
    );
    const typed = several.typed(float32, [float32, float32], [float32, float64, uint8]);
    const outputs = [empty([2, 3, 2]), empty([2, 3, 2], float64), empty([2, 3, 2], uint8)];
    const a = view(tensor(noise(24), [24]), [2, 3, 2], [12, 4, 2]);
    const b = view(tensor([1, 2, 3], [3]), [2, 3, 2], [0, 1, 0]);
    backend.mapMany(typed, outputs, [a, b], [10]);
    const [x, y] = [values(a), values(b)];
    expect(values(outputs[0]!)).toEqual(sum(x, (i) => y[i]!));
    expect(values(outputs[1]!)).toEqual(x.map((v) => Math.fround(v * 10)));
    expect(values(outputs[2]!)).toEqual(y);
  });
  it("does nothing for no elements, and refuses detached memory", () => {
    backend.map(addition, empty([0, 3]), [empty([0, 3]), empty([3])], []);
    const gone = hosted([1, 2], [2]);
    structuredClone(gone.storage.memory, { transfer: [gone.storage.memory as ArrayBuffer] });
    expect(() => backend.map(addition, empty([2]), [gone, tensor([1], [1])], [])).toThrow(
      "is gone",
    );
  });
});

describe("element types", () => {
  for (const from of dtypes)
    for (const to of dtypes)
      it(`copies ${from.name} to ${to.name}`, () => {
        const whole = [0, 1, 2, 3, 100, 7, 1];
        const compute =
          from.kind === "floating"
            ? computeType(from)
            : to.kind === "floating"
              ? computeType(to)
              : int64;
        const output = empty([whole.length], to);
        const source = from === bool ? whole.map((x) => Math.min(x, 1)) : whole;
        backend.map(
          new Program([input(0)], 1, 0).typed(compute, [from], [to]),
          output,
          [tensor(whole, [whole.length], from)],
          [],
        );
        expect(values(output)).toEqual(to === bool ? source.map((x) => Math.min(x, 1)) : source);
      });
  it("rounds to half precision as the codec does, and wraps integers", () => {
    const odd = [
      1.0009765625,
      1.00048828125,
      65519,
      65520,
      5.960464477539063e-8,
      2.9e-8,
      3e-8,
      -0,
      Number.NaN,
      1e-7,
      0.1,
      -1e30,
    ];
    for (const dtype of dtypes.filter((d) => d.itemsize === 2 && d.kind === "floating")) {
      const output = empty([odd.length], dtype);
      backend.map(
        new Program([input(0)], 1, 0).typed(float32, [float32], [dtype]),
        output,
        [tensor(odd, [odd.length])],
        [],
      );
      expect(values(output)).toEqual(
        odd.map((x) => Number(dtype.codec.decode(dtype.codec.encode(Math.fround(x))))),
      );
    }
    const output = empty([3], uint8);
    backend.map(
      new Program([input(0)], 1, 0).typed(float32, [float32], [uint8]),
      output,
      [tensor([300.7, -1.5, Number.NaN], [3])],
      [],
    );
    expect(values(output)).toEqual([44, 255, 0]);
  });
});

describe("scalar functions", () => {
  const special = [
    0, -0, 1, -1, 0.5, -0.5, 2, 3, -3, 1e-40, -1e-40, 88.8, -88.8, -103.5, 1e10, -1e10, 3e38,
  ];
  const infinite = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
  // What core leaves to its own approximations is compared elsewhere.
  const approximate = new Set<string>([
    "erf",
    "erfc",
    "erfinv",
    "lgamma",
    "digamma",
    "trigamma",
    "erfcx",
    "ndtri",
  ]);
  const arity = (name: FunctionName): number => functionOf(name).evaluate.length;
  const ulp = (x: number, bits: number): number =>
    Math.max(2 ** (Math.floor(Math.log2(Math.abs(x))) - bits), bits === 23 ? 2 ** -149 : 5e-324);
  for (const dtype of [float32, float64])
    for (const name of functionNames.filter((n) => !approximate.has(n)))
      it(`${name} in ${dtype.name}`, () => {
        const bits = dtype === float32 ? 23 : 52;
        const operands = [input(0), input(1), input(2)].slice(0, Math.max(arity(name), 1));
        const x = [...special, ...infinite, ...noise(3000), ...noise(3000, 7).map((v) => v * 60)];
        const y = x.map((_, i) => (i < 400 ? x[(i * 7) % 20]! : x[x.length - 1 - i]!));
        const single = (v: number): number => (dtype === float32 ? Math.fround(v) : v);
        const lists = [x, y, x].slice(0, operands.length).map((list) => list.map(single));
        const output = empty([x.length], dtype);
        backend.map(
          program(f[name](...operands), operands.length, 0, dtype),
          output,
          lists.map((list) => tensor(list, [x.length], dtype)),
          [],
        );
        const { evaluate } = functionOf(name);
        values(output).forEach((actual, i) => {
          const exact =
            name === "nextafter" && dtype === float32
              ? actual
              : evaluate(...lists.map((list) => list[i]!));
          const rounded = single(exact);
          if (Object.is(actual, rounded) || (actual === rounded && actual !== 0)) return;
          if (name === "signbit" && Number.isNaN(lists[0]![i]!)) return;
          const error = Math.abs(actual - exact) / ulp(exact, bits);
          expect(
            error <= 2.1,
            `${name}(${lists.map((list) => list[i]).join()}) = ${actual}, not ${rounded}`,
          ).toBe(true);
        });
      });
  for (const name of functionNames.filter((n) => functionOf(n).integer !== null))
    it(`${name} in int64`, () => {
      const operands = [input(0), input(1), input(2)].slice(0, functionOf(name).integer!.length);
      const edge = [0n, 1n, -1n, 7n, -7n, 64n, 63n, -(2n ** 63n), 2n ** 63n - 1n, 12345678901234n];
      const lists = [
        edge.flatMap((v) => edge.map(() => v)),
        edge.flatMap(() => edge),
        edge.flatMap((v) => edge.map(() => v + 0n)),
      ].slice(0, operands.length);
      const output = empty([100], int64);
      backend.map(
        program(f[name](...operands), operands.length, 0, int64),
        output,
        lists.map((list) => tensor(list, [100], int64)),
        [],
      );
      const actual = new BigInt64Array(output.storage.host(), 0, 100);
      actual.forEach((value, i) => {
        expect(value).toBe(
          BigInt.asIntN(64, functionOf(name).integer!(...lists.map((list) => list[i]!))),
        );
      });
    });
  it("special functions at known points", () => {
    const known: [FunctionName, number, number][] = [
      ["erf", 0.5, 0.5204998778130465],
      ["erf", -2, -0.9953222650189527],
      ["erfc", 3, 2.209049699858544e-5],
      ["erfinv", 0.5, 0.4769362762044699],
      ["erfinv", -0.999, -2.326753765513525],
      ["lgamma", 5, 3.1780538303479458],
      ["digamma", 1, -0.5772156649015329],
      ["digamma", -0.5, 0.03648997397857652],
      ["trigamma", 1, 1.6449340668482264],
      ["trigamma", -0.5, 8.934802200544679],
    ];
    for (const [name, x, y] of known)
      for (const dtype of [float32, float64]) {
        const output = empty([1], dtype);
        backend.map(program(f[name](input(0)), 1, 0, dtype), output, [tensor([x], [1], dtype)], []);
        expect(values(output)[0]! / y).toBeCloseTo(1, dtype === float32 ? 5 : 13);
      }
  });
  it("mixes scalars and constants in one program", () => {
    const typed = program(f.add(f.mul(input(0), scalar(0)), f.exp(constant(0))), 1, 1, float32);
    const output = empty([1000]);
    backend.map(typed, output, [tensor(noise(1000), [1000])], [3]);
    expect(values(output)).toEqual(noise(1000).map((x) => Math.fround(Math.fround(x * 3) + 1)));
  });
});
