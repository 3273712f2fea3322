// Reductions: the program's values combined over the reduced dimensions, by halving so that rounding errors do not pile up.
import type { Operand, ReductionKind } from "../../core/backend.ts";
import { bool, int64 } from "../../core/dtype.ts";
import type { TypedProgram } from "../../core/program.ts";
import { functionOf } from "../../core/scalar.ts";
import { broadcastStrides, elementCount, type Sizes } from "../../core/shape.ts";
import { Execution } from "./map.ts";
import {
  computeTypeOf,
  decoderFor,
  elementsOf,
  encoderFor,
  type Elements,
  makeLane,
} from "./memory.ts";
import { blockLength, Walk } from "./walk.ts";

type Combine = (a: number | bigint, b: number | bigint) => number | bigint;

const combinations: Readonly<
  Record<
    Exclude<ReductionKind, "argmin" | "argmax">,
    { readonly name: string; readonly identity: number }
  >
> = {
  sum: { name: "add", identity: 0 },
  product: { name: "mul", identity: 1 },
  minimum: { name: "minimum", identity: Number.POSITIVE_INFINITY },
  maximum: { name: "maximum", identity: Number.NEGATIVE_INFINITY },
  all: { name: "and", identity: 1 },
  any: { name: "or", identity: 0 },
};

/** The first `count` elements combined pairwise; overwrites them. */
function fold(elements: Elements, count: number, combine: Combine): number | bigint {
  for (let left = count; left > 1;) {
    const half = (left + 1) >> 1;
    for (let i = half; i < left; i++)
      elements[i - half] = combine(elements[i - half]!, elements[i]!);
    left = half;
  }
  return elements[0]!;
}

/** Combines blocks of values as they come. */
interface Accumulator {
  start(): void;
  add(values: Elements, count: number): void;
  finish(): number | bigint;
}

function combining(kind: keyof typeof combinations, integer: boolean, room: Elements): Accumulator {
  const { name, identity } = combinations[kind];
  const { evaluate, integer: exact } = functionOf(name);
  const combine = (integer ? exact : evaluate) as Combine;
  let blocks = 0;
  return {
    start() {
      blocks = 0;
    },
    add(values, count) {
      room[blocks++] = fold(values, count, combine);
    },
    finish: () =>
      blocks > 0 ? fold(room, blocks, combine) : integer ? BigInt(identity) : identity,
  };
}

function locating(largest: boolean): Accumulator {
  let seen = 0;
  let best: number | bigint = 0;
  let at = 0;
  return {
    start() {
      seen = at = 0;
    },
    add(values, count) {
      for (let i = 0; i < count; i++, seen++) {
        const value = values[i]!;
        const better =
          !Number.isNaN(best) && (Number.isNaN(value) || (largest ? value > best : value < best));
        if (seen > 0 && !better) continue;
        best = value;
        at = seen;
      }
    },
    finish: () => BigInt(at),
  };
}

/** See `Backend.reduce`. */
export function reduce(
  kind: ReductionKind,
  program: TypedProgram,
  output: Operand,
  inputs: readonly Operand[],
  scalars: readonly number[],
  sizes: Sizes,
  divisor: number,
): void {
  const outputCount = elementCount(output.sizes);
  if (outputCount === 0) return;
  const isReduced = (dim: number): boolean => (output.sizes[dim] ?? 1) === 1;
  const reduced = [...sizes.keys()].filter(isReduced);
  const kept = [...sizes.keys()].filter((dim) => !isReduced(dim));
  const pick = (from: Sizes, dims: readonly number[]): number[] => dims.map((dim) => from[dim]!);

  const strides = inputs.map((operand) =>
    broadcastStrides("reduce", operand.sizes, operand.strides, sizes),
  );
  const innerSizes = pick(sizes, reduced);
  const innerCount = elementCount(innerSizes);
  const execution = new Execution(
    program,
    inputs,
    scalars,
    innerSizes,
    strides.map((own) => pick(own, reduced)),
  );
  const starts = inputs.map(
    (operand, i) => new Walk(pick(sizes, kept), pick(strides[i]!, kept), operand.offset),
  );

  // Halves are combined in float32 as they are; integers as they would be stored; all and any ask only whether a value is zero.
  const type = kind === "all" || kind === "any" ? bool : program.outputs[0]!;
  const combined = computeTypeOf(type);
  const passing = type.kind === "floating" ? combined : type;
  const encode = encoderFor(program.compute, passing);
  const decode = decoderFor(passing, combined);
  const values: Elements = makeLane(combined, Math.min(blockLength, innerCount));
  const room = makeLane(combined, Math.ceil(innerCount / blockLength));
  const locates = kind === "argmin" || kind === "argmax";
  const accumulator = locates
    ? locating(kind === "argmax")
    : combining(kind, combined === int64, room);

  const target = elementsOf(output);
  const store = encoderFor(locates ? int64 : combined, output.dtype);
  const places = new Walk(output.sizes, output.strides, output.offset);
  const offsets = inputs.map(() => 0);
  for (let o = 0; o < outputCount; o++) {
    for (let i = 0; i < offsets.length; i++) offsets[i] = starts[i]!.next();
    execution.reset(offsets);
    accumulator.start();
    for (let done = 0; done < innerCount; done += blockLength) {
      const length = Math.min(blockLength, innerCount - done);
      execution.run(length);
      const lane = execution.results[0]!;
      for (let i = 0; i < length; i++) values[i] = decode(encode(lane[i]!));
      accumulator.add(values, length);
    }
    const value = accumulator.finish();
    target[places.next()] = store(divisor === 1 ? value : Number(value) / divisor);
  }
}
