// Tensors from sizes and values: types, memory, and what is refused.
import { describe, expect, it, test } from "vitest";
import * as torch from "flambeau";

test("values decide the type, and dtype decides otherwise", () => {
  expect(torch.tensor([1, 2]).dtype).toBe(torch.float32);
  expect(torch.tensor([true]).dtype).toBe(torch.bool);
  expect(torch.tensor([1n]).dtype).toBe(torch.int64);
  expect(torch.tensor(Int16Array.of(1)).dtype).toBe(torch.int16);
  expect(torch.tensor([1.7, -1.7], { dtype: torch.int64 }).tolist()).toEqual([1, -1]);
  expect(torch.tensor([[], []]).shape).toEqual([2, 0]);
  expect(torch.tensor([torch.ones(2), torch.zeros(2)]).tolist()).toEqual([
    [1, 1],
    [0, 0],
  ]);
  expect(torch.tensor(2n ** 60n).toTypedArray()[0]).toBe(2n ** 60n);
  expect(torch.full([1], 2n ** 60n).toTypedArray()[0]).toBe(2n ** 60n);
  expect(torch.arange(5).dtype).toBe(torch.int64);
  expect(torch.arange(0, 1, 0.5).tolist()).toEqual([0, 0.5]);
  expect(torch.linspace(0, 1, 3).tolist()).toEqual([0, 0.5, 1]);
});

test("tensor copies, frombuffer and asTensor share", () => {
  const memory = Float32Array.of(1, 2, 3);
  const [copy, shared, same] = [
    torch.tensor(memory),
    torch.frombuffer(memory.buffer, { dtype: torch.float32, offset: 4 }),
    torch.asTensor(memory),
  ];
  memory[1] = 9;
  expect(copy.tolist()).toEqual([1, 2, 3]);
  expect(shared.tolist()).toEqual([9, 3]);
  expect(same.tolist()).toEqual([1, 9, 3]);
});

test("requiresGrad holds inside noGrad", () => {
  torch.noGrad(() => {
    expect(torch.ones(1, { requiresGrad: true }).requiresGrad).toBe(true);
    expect(torch.tensor([1], { requiresGrad: true }).requiresGrad).toBe(true);
  });
});

test("what makes no tensor is refused in words", () => {
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  const any = (value: unknown): torch.TensorData => value as torch.TensorData;
  const bad: readonly (readonly [() => unknown, RegExp])[] = [
    [() => torch.tensor([[1, 2], [3]]), /ragged/],
    [() => torch.tensor([1, [2]]), /ragged/],
    [() => torch.tensor([1, true]), /mixed/],
    [() => torch.tensor(any("1")), /expected/],
    [() => torch.tensor(any([1, null])), /found null/],
    [() => torch.tensor(any(cyclic)), /deep/],
    [() => torch.tensor([300], { dtype: torch.uint8 }), /does not fit/],
    [() => torch.tensor([Number.NaN], { dtype: torch.int64 }), /does not fit/],
    [() => torch.tensor([1], { dtype: torch.int64, requiresGrad: true }), /gradients/],
    [() => torch.ones(2, { dtype: torch.int64, requiresGrad: true }), /gradients/],
    [() => torch.zeros(-1), /negative/],
    [() => torch.zeros(1.5), /whole/],
    [() => torch.zeros(1e10, 1e10), /counted/],
    [() => torch.zeros(1e14), /memory|bytes|allocate/],
    [() => torch.arange(1e18), /counted|memory|bytes/],
    [() => torch.arange(0, 5, 0), /not be 0/],
    [() => torch.arange(0, 5, -1), /sign/],
    [() => torch.arange(Number.POSITIVE_INFINITY), /finite/],
    [() => torch.linspace(0, 1, -1), /at least 0/],
    [() => torch.eye(-1), /negative/],
    [() => torch.frombuffer(new ArrayBuffer(3), { dtype: torch.float32 }), /whole number/],
    [() => torch.frombuffer(new ArrayBuffer(8)), /dtype/],
    [() => torch.zeros(new Array<number>(1_000_000).fill(1)), /dimensions/],
  ];
  for (const [call, words] of bad) {
    expect(call, String(words)).toThrow(words);
    expect(call, String(words)).toThrow(torch.TorchError);
  }
});

describe("to", () => {
  const x = torch.ones(2, 3);

  it("takes a type, a device, both, or those of another tensor", () => {
    const other = torch.ones(1, { dtype: torch.float64, device: "meta" });
    const moved = [
      x.to("meta", torch.float64),
      x.to(other),
      x.to({ device: "meta", dtype: torch.float64 }),
      x.to(torch.device("meta")).to(torch.float64),
      torch.vmap((row: torch.Tensor) => row.to(other))(x),
      torch.vmap((row: torch.Tensor) => x.to(row, { device: "meta" }).select(0, 0))(x.to(other)),
    ];
    for (const { device, dtype, shape } of moved)
      expect([device.type, dtype, shape]).toEqual(["meta", torch.float64, [2, 3]]);
    expect([x.to("cpu"), x.to(x), x.to(torch.float32)].every((same) => same === x)).toBe(true);
    expect(x.to("cpu", { copy: true }) === x).toBe(false);
  });

  it("refuses unknown devices, contradictions, and values out of nothing", () => {
    expect(() => x.to("cuda")).toThrow(torch.DeviceError);
    expect(() => x.to(5 as never)).toThrow(/target must be a dtype, a device/);
    expect(() => x.to(torch.float64, { dtype: torch.float32 })).toThrow(/give one of them/);
    expect(() => x.to("meta").to("cpu")).toThrow(/a meta tensor has no values to take to cpu/);
    const leaf = torch.ones(2, { requiresGrad: true });
    expect(() => leaf.to("meta").sum().backward()).toThrow(torch.DeviceError);
  });
});
