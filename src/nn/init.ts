// torch.nn.init: fills tensors in place with the numbers that layers start from. Drawn in PyTorch's order from the same generator.
import { noGrad } from "../autograd/mode.ts";
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { Generator } from "../core/generator.ts";
import { formatSizes } from "../core/shape.ts";
import { erf } from "../core/special.ts";
import { nearest, readArguments } from "../ops/define/parameters.ts";
import * as p from "../ops/define/parameters.ts";
import type { Trailing } from "../ops/define/registry.ts";
import type { Tensor } from "../ops/methods.ts";

/** Which sum of squares an initialisation keeps: that of the forward pass, or that of the backward pass. */
export type FanMode = "fanIn" | "fanOut";
interface Drawn {
  readonly generator?: Generator | null;
}
const drawn = { generator: p.optional(p.anything as p.Parameter<Generator>, null) };
const gains: Readonly<Record<string, (slope: number) => number>> = {
  linear: () => 1,
  conv1d: () => 1,
  conv2d: () => 1,
  conv3d: () => 1,
  convTranspose1d: () => 1,
  convTranspose2d: () => 1,
  convTranspose3d: () => 1,
  sigmoid: () => 1,
  tanh: () => 5 / 3,
  relu: () => Math.SQRT2,
  leakyRelu: (slope) => Math.sqrt(2 / (1 + slope * slope)),
  selu: () => 3 / 4,
};

function source(generator: Generator | null): { generator: Generator } | Record<string, never> {
  return generator === null ? {} : { generator };
}

function filled(tensor: Tensor, fill: (tensor: Tensor) => void): Tensor {
  noGrad(() => fill(tensor));
  return tensor;
}

/**
 * The factor by which a nonlinearity's inputs are scaled so that variances stay: 1 for linear and sigmoid, 5/3 for tanh, sqrt(2) for
 * relu, sqrt(2 / (1 + slope^2)) for leakyRelu (slope 0.01 by default), 3/4 for selu. Throws ArgumentError for another name.
 * @example
 * ```ts
 * torch.nn.init.calculateGain("leakyRelu", 1) // => 1
 * ```
 */
export function calculateGain(nonlinearity: string, param: number | null = null): number {
  const name = nonlinearity.replace(/_([a-z\d])/g, (_, letter: string) => letter.toUpperCase());
  const gain = Object.hasOwn(gains, name) ? gains[name] : undefined;
  if (gain === undefined) {
    const near = nearest(name, Object.keys(gains));
    throw new ArgumentError(
      `calculateGain: there is no nonlinearity "${nonlinearity}"${near === undefined ? "" : `; did you mean "${near}"?`} It takes ${Object.keys(gains).join(", ")}`,
    );
  }
  return gain(param ?? 0.01);
}

/** The numbers of inputs and outputs of one unit: sizes 1 and 0 times the size of what lies behind them. */
export function calculateFanInAndFanOut(tensor: Tensor): readonly [number, number] {
  const [out, into, ...field] = tensor.shape;
  if (out === undefined || into === undefined)
    throw new ShapeError(
      `fan in and fan out: a weight needs at least 2 dimensions, got shape ${formatSizes(tensor.shape)}`,
    );
  const receptive = field.reduce((product, size) => product * size, 1);
  return [into * receptive, out * receptive];
}

function fan(operation: string, tensor: Tensor, mode: FanMode): number {
  const [into, out] = calculateFanInAndFanOut(tensor);
  const name = mode.replace(/_([a-z])/, (_, letter: string) => letter.toUpperCase());
  if (name !== "fanIn" && name !== "fanOut")
    throw new ArgumentError(`${operation}: mode must be "fanIn" or "fanOut", got "${mode}"`);
  return name === "fanIn" ? into : out;
}

/** Fills with numbers uniform on [a, b). */
export function uniform_(
  tensor: Tensor,
  ...args: Trailing<
    [a: number, b: number, generator: Generator | null],
    { readonly a?: number; readonly b?: number } & Drawn
  >
): Tensor {
  const { a, b, generator } = readArguments(
    "init.uniform_",
    { a: p.optional(p.number, 0), b: p.optional(p.number, 1), ...drawn },
    args,
  );
  return filled(tensor, (t) => t.uniform_(a, b, source(generator)));
}

/** Fills with normal numbers. */
export function normal_(
  tensor: Tensor,
  ...args: Trailing<
    [mean: number, std: number, generator: Generator | null],
    { readonly mean?: number; readonly std?: number } & Drawn
  >
): Tensor {
  const { mean, std, generator } = readArguments(
    "init.normal_",
    { mean: p.optional(p.number, 0), std: p.optional(p.number, 1), ...drawn },
    args,
  );
  return filled(tensor, (t) => t.normal_(mean, std, source(generator)));
}

/** Fills with one value. */
export function constant_(tensor: Tensor, val: number): Tensor {
  return filled(tensor, (t) => t.fill_(val));
}

/** Fills with ones. */
export function ones_(tensor: Tensor): Tensor {
  return constant_(tensor, 1);
}

/** Fills with zeros. */
export function zeros_(tensor: Tensor): Tensor {
  return constant_(tensor, 0);
}

/** Makes a matrix the identity. Throws ShapeError unless there are two dimensions. */
export function eye_(tensor: Tensor): Tensor {
  const [rows, columns] = tensor.shape;
  if (rows === undefined || columns === undefined || tensor.shape.length !== 2)
    throw new ShapeError(`init.eye_: expected a matrix, got shape ${formatSizes(tensor.shape)}`);
  return filled(tensor, (t) => {
    t.zero_();
    t.asStrided(
      [Math.min(rows, columns)],
      [(t.strides[0] ?? 0) + (t.strides[1] ?? 0)],
      t.storageOffset(),
    ).fill_(1);
  });
}

type Xavier = Trailing<
  [gain: number, generator: Generator | null],
  { readonly gain?: number } & Drawn
>;

function xavier(
  name: string,
  tensor: Tensor,
  args: Xavier,
): { std: number; generator: Generator | null } {
  const { gain, generator } = readArguments(
    name,
    { gain: p.optional(p.number, 1), ...drawn },
    args,
  );
  const [into, out] = calculateFanInAndFanOut(tensor);
  return { std: gain * Math.sqrt(2 / (into + out)), generator };
}

/**
 * Glorot's uniform initialisation: uniform on [-a, a) with a = gain sqrt(6 / (fanIn + fanOut)).
 * Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010.
 */
export function xavierUniform_(tensor: Tensor, ...args: Xavier): Tensor {
  const { std, generator } = xavier("init.xavierUniform_", tensor, args);
  const bound = Math.sqrt(3) * std;
  return filled(tensor, (t) => t.uniform_(-bound, bound, source(generator)));
}

/** Glorot's normal initialisation: standard deviation gain sqrt(2 / (fanIn + fanOut)). */
export function xavierNormal_(tensor: Tensor, ...args: Xavier): Tensor {
  const { std, generator } = xavier("init.xavierNormal_", tensor, args);
  return filled(tensor, (t) => t.normal_(0, std, source(generator)));
}

type Kaiming = Trailing<
  [a: number, mode: FanMode, nonlinearity: string, generator: Generator | null],
  { readonly a?: number; readonly mode?: FanMode; readonly nonlinearity?: string } & Drawn
>;

function kaiming(
  name: string,
  tensor: Tensor,
  args: Kaiming,
): { std: number; generator: Generator | null } {
  const { a, mode, nonlinearity, generator } = readArguments(
    name,
    {
      a: p.optional(p.number, 0),
      mode: p.optional(p.text, "fanIn"),
      nonlinearity: p.optional(p.text, "leakyRelu"),
      ...drawn,
    },
    args,
  );
  const gain = calculateGain(nonlinearity, a);
  return { std: gain / Math.sqrt(fan(name, tensor, mode as FanMode)), generator };
}

/**
 * He's uniform initialisation: uniform on [-b, b) with b = gain sqrt(3 / fan). `a` is the slope of a leaky ReLU behind the layer.
 * Source: He et al., Delving deep into rectifiers, 2015.
 */
export function kaimingUniform_(tensor: Tensor, ...args: Kaiming): Tensor {
  if (tensor.shape.includes(0)) return tensor;
  const { std, generator } = kaiming("init.kaimingUniform_", tensor, args);
  const bound = Math.sqrt(3) * std;
  return filled(tensor, (t) => t.uniform_(-bound, bound, source(generator)));
}

/** He's normal initialisation: standard deviation gain / sqrt(fan). */
export function kaimingNormal_(tensor: Tensor, ...args: Kaiming): Tensor {
  if (tensor.shape.includes(0)) return tensor;
  const { std, generator } = kaiming("init.kaimingNormal_", tensor, args);
  return filled(tensor, (t) => t.normal_(0, std, source(generator)));
}

const normalShare = (x: number): number => (1 + erf(x / Math.SQRT2)) / 2;

/**
 * Fills with normal numbers that lie within [a, b]: what falls outside is drawn again. Throws ArgumentError where [a, b] holds less than
 * 30 % of the distribution, for which drawing again is no way.
 */
export function truncNormal_(
  tensor: Tensor,
  ...args: Trailing<
    [mean: number, std: number, a: number, b: number, generator: Generator | null],
    {
      readonly mean?: number;
      readonly std?: number;
      readonly a?: number;
      readonly b?: number;
    } & Drawn
  >
): Tensor {
  const { mean, std, a, b, generator } = readArguments(
    "init.truncNormal_",
    {
      mean: p.optional(p.number, 0),
      std: p.optional(p.number, 1),
      a: p.optional(p.number, -2),
      b: p.optional(p.number, 2),
      ...drawn,
    },
    args,
  );
  const share = normalShare((b - mean) / std) - normalShare((a - mean) / std);
  if (!(share > 0.3))
    throw new ArgumentError(
      `init.truncNormal_: [${a}, ${b}] holds ${(100 * share).toFixed(1)} % of the normal distribution with mean ${mean} and standard deviation ${std}; it should hold at least 30 %`,
    );
  return filled(tensor, (t) => {
    t.normal_(mean, std, source(generator));
    for (;;) {
      const outside = t.lt(a).logicalOr(t.gt(b));
      if (!outside.any().item()) return;
      const again = t.emptyLike().normal_(mean, std, source(generator));
      t.copy_(again.where(outside, t));
    }
  });
}
