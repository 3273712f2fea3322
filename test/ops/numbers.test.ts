// Numbers beside integers that cannot hold them: what PyTorch takes modulo the type's size, and what it refuses.
import { readFileSync } from "node:fs";
import * as torch from "flambeau";
import { describe, expect, it } from "vitest";

type T = torch.Tensor;
const { uint8, int8, int16, int32, int64 } = torch;
const types = { uint8, int8, int16, int32, int64 };
type Name = keyof typeof types;
type Row = readonly [
  dtype: Name,
  values: readonly number[],
  operation: string,
  number: number,
  result: readonly (number | boolean)[] | null,
];

const file = new URL("../golden/numbers.json", import.meta.url);
const rows = JSON.parse(readFileSync(file, "utf8")) as readonly Row[];

const mask = torch.tensor([true, false, true]);
const index = torch.tensor([1n]);
const { hardtanh, threshold } = torch.nn.functional;
const special: Readonly<Record<string, (x: T, v: number) => T>> = {
  hardtanh: (x, v) => hardtanh(x, 0, v),
  threshold: (x, v) => threshold(x, 1, v),
  where: (x, v) => torch.where(mask, x, v),
  maskedFill: (x, v) => x.maskedFill(mask, v),
  indexFill: (x, v) => x.indexFill(0, index, v),
  scatter: (x, v) => x.scatter(0, index, v),
  fill_: (x, v) => x.clone().fill_(v),
  newFull: (x, v) => x.newFull([2], v),
  tensor: (x, v) => torch.tensor([v], { dtype: x.dtype }),
};

function call(operation: string, x: T, number: number): T {
  const name = operation.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const own = special[name];
  if (own !== undefined) return own(x, number);
  return (x as unknown as Record<string, (v: number) => T>)[name]!(number);
}

describe.each(Object.keys(types) as Name[])("%s", (dtype) => {
  const own = rows.filter((row) => row[0] === dtype);
  it.each([...new Set(own.map((row) => row[2]))])("%s", (operation) => {
    for (const [, values, name, number, result] of own) {
      if (name !== operation) continue;
      const run = (): unknown =>
        (
          call(name, torch.tensor(values, { dtype: types[dtype] }), number).tolist() as unknown[]
        ).map((value) => (typeof value === "bigint" ? Number(value) : value));
      const what = `${name} of ${dtype} ${String(values)} and ${number}`;
      if (result === null) expect(run, what).toThrow(/does not fit|divided by zero|exceeds/);
      else expect(run(), what).toEqual(result);
    }
  });
});

it.each(["pow", "pow_"] as const)(
  "%s refuses a negative whole exponent of integers and of bool",
  (name) => {
    for (const x of [torch.tensor([2n]), torch.tensor([2], { dtype: uint8 }), torch.tensor([true])])
      expect(() => x[name](-1)).toThrow(/negative/);
  },
);
