// Layers with parameters, and those that only change the shape: Linear, Bilinear, Embedding, Identity, Flatten, Unflatten.
import { noGrad } from "../autograd/mode.ts";
import { ArgumentError } from "../core/errors.ts";
import type { Sizes } from "../core/shape.ts";
import * as p from "../ops/define/parameters.ts";
import type { Trailing } from "../ops/define/registry.ts";
import { bilinear, embedding, linear } from "../ops/linear.ts";

import type { Tensor } from "../ops/methods.ts";
import * as init from "./init.ts";
import { Module } from "./module.ts";
import { blank, type Parameter, type Placement, placement } from "./parameter.ts";
import { pythonText } from "./text.ts";

const feature: p.Parameter<number> = {
  ...p.integer,
  convert: (value, operation, name) => {
    const found = p.integer.convert(value, operation, name);
    if (found < 0)
      throw new ArgumentError(`${operation}: ${name} must not be negative, got ${found}`);
    return found;
  },
};

/** Identity of its input; takes and ignores any arguments. */
export class Identity extends Module {
  constructor(..._ignored: readonly unknown[]) {
    super();
  }

  override forward(input: Tensor): Tensor {
    return input;
  }
}

/**
 * The affine map y = x A^T + b. The last dimension of the input is `inFeatures`, that of the output `outFeatures`; A starts uniform on
 * (-sqrt(k), sqrt(k)), k = 1 / inFeatures, and so does b.
 * @example
 * ```ts
 * torch.manualSeed(0);
 * const m = new torch.nn.Linear(2, 1);
 * m.weight
 * // => Parameter containing:
 * //    tensor([[-0.0053,  0.3793]], requires_grad=True)
 * ```
 */
export class Linear extends Module {
  readonly inFeatures: number;
  readonly outFeatures: number;
  weight: Parameter;
  bias: Parameter | null;

  constructor(
    inFeatures: number,
    outFeatures: number,
    ...args: Trailing<[bias: boolean], { readonly bias?: boolean } & Placement>
  ) {
    super();
    const given = p.readArguments(
      "nn.Linear",
      {
        inFeatures: feature,
        outFeatures: feature,
        bias: p.optional(p.boolean, true),
        ...placement,
      },
      [inFeatures, outFeatures, ...args],
    );
    this.inFeatures = given.inFeatures;
    this.outFeatures = given.outFeatures;
    this.weight = blank([given.outFeatures, given.inFeatures], given);
    this.bias = given.bias ? blank([given.outFeatures], given) : null;
    this.resetParameters();
  }

  /** Draws weight and bias anew. */
  resetParameters(): void {
    init.kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    const bound = this.inFeatures > 0 ? 1 / Math.sqrt(this.inFeatures) : 0;
    if (this.bias !== null) init.uniform_(this.bias, -bound, bound);
  }

  override forward(input: Tensor): Tensor {
    return linear(input, this.weight, this.bias);
  }

  override extraRepr(): string {
    return `in_features=${this.inFeatures}, out_features=${this.outFeatures}, bias=${pythonText(this.bias !== null)}`;
  }
}

/** The bilinear map y_k = x1^T A_k x2 + b_k. */
export class Bilinear extends Module {
  readonly in1Features: number;
  readonly in2Features: number;
  readonly outFeatures: number;
  weight: Parameter;
  bias: Parameter | null;

  constructor(
    in1Features: number,
    in2Features: number,
    outFeatures: number,
    ...args: Trailing<[bias: boolean], { readonly bias?: boolean } & Placement>
  ) {
    super();
    const given = p.readArguments(
      "nn.Bilinear",
      {
        in1Features: feature,
        in2Features: feature,
        outFeatures: feature,
        bias: p.optional(p.boolean, true),
        ...placement,
      },
      [in1Features, in2Features, outFeatures, ...args],
    );
    this.in1Features = given.in1Features;
    this.in2Features = given.in2Features;
    this.outFeatures = given.outFeatures;
    this.weight = blank([outFeatures, in1Features, in2Features], given);
    this.bias = given.bias ? blank([outFeatures], given) : null;
    this.resetParameters();
  }

  /** Draws weight and bias anew. */
  resetParameters(): void {
    const bound = this.in1Features > 0 ? 1 / Math.sqrt(this.in1Features) : 0;
    init.uniform_(this.weight, -bound, bound);
    if (this.bias !== null) init.uniform_(this.bias, -bound, bound);
  }

  override forward(input1: Tensor, input2: Tensor): Tensor {
    return bilinear(input1, input2, this.weight, this.bias);
  }

  override extraRepr(): string {
    return `in1_features=${this.in1Features}, in2_features=${this.in2Features}, out_features=${this.outFeatures}, bias=${pythonText(this.bias !== null)}`;
  }
}

/** A table of `numEmbeddings` vectors of `embeddingDim` numbers, looked up by index; it starts with normal numbers. */
export class Embedding extends Module {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | null;
  weight: Parameter;

  constructor(
    numEmbeddings: number,
    embeddingDim: number,
    ...args: Trailing<
      [paddingIdx: number | null],
      { readonly paddingIdx?: number | null } & Placement
    >
  ) {
    super();
    const given = p.readArguments(
      "nn.Embedding",
      {
        numEmbeddings: feature,
        embeddingDim: feature,
        paddingIdx: p.optional(p.integer, null),
        ...placement,
      },
      [numEmbeddings, embeddingDim, ...args],
    );
    this.numEmbeddings = given.numEmbeddings;
    this.embeddingDim = given.embeddingDim;
    const padding = given.paddingIdx;
    if (padding !== null && (padding < -numEmbeddings || padding >= numEmbeddings))
      throw new ArgumentError(
        `nn.Embedding: paddingIdx ${padding} is outside the table of ${numEmbeddings}`,
      );
    this.paddingIdx = padding !== null && padding < 0 ? padding + numEmbeddings : padding;
    this.weight = blank([given.numEmbeddings, given.embeddingDim], given);
    this.resetParameters();
  }

  /** Draws the table anew; the padding's row is zero. */
  resetParameters(): void {
    init.normal_(this.weight);
    const { paddingIdx } = this;
    if (paddingIdx !== null) noGrad(() => this.weight.select(0, paddingIdx).zero_());
  }

  override forward(input: Tensor): Tensor {
    return embedding(input, this.weight, this.paddingIdx);
  }

  override extraRepr(): string {
    const padding = this.paddingIdx === null ? "" : `, padding_idx=${this.paddingIdx}`;
    return `${this.numEmbeddings}, ${this.embeddingDim}${padding}`;
  }
}

/** Joins the dimensions from `startDim` to `endDim` into one: by default all but the first. */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;

  constructor(
    ...args: Trailing<
      [startDim: number, endDim: number],
      { readonly startDim?: number; readonly endDim?: number }
    >
  ) {
    super();
    const given = p.readArguments(
      "nn.Flatten",
      { startDim: p.optional(p.integer, 1), endDim: p.optional(p.integer, -1) },
      args,
    );
    this.startDim = given.startDim;
    this.endDim = given.endDim;
  }

  override forward(input: Tensor): Tensor {
    return input.flatten(this.startDim, this.endDim);
  }

  override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=${this.endDim}`;
  }
}

/** Splits one dimension into several. */
export class Unflatten extends Module {
  readonly dim: number;
  readonly unflattenedSize: Sizes;

  constructor(dim: number, unflattenedSize: readonly number[]) {
    super();
    const given = p.readArguments("nn.Unflatten", { dim: p.integer, unflattenedSize: p.integers }, [
      dim,
      unflattenedSize,
    ]);
    this.dim = given.dim;
    this.unflattenedSize = given.unflattenedSize;
  }

  override forward(input: Tensor): Tensor {
    return input.unflatten(this.dim, this.unflattenedSize);
  }

  override extraRepr(): string {
    return `dim=${this.dim}, unflattened_size=${pythonText([...this.unflattenedSize])}`;
  }
}
