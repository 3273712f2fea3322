// Parameter: a tensor that a module learns. Modules find parameters among their own properties.
import type { Device } from "../core/device.ts";
import { type DType, getDefaultDtype } from "../core/dtype.ts";
import { ArgumentError } from "../core/errors.ts";
import type { Sizes } from "../core/shape.ts";
import { isParameter, markParameter } from "../ops/define/learned.ts";
import { alias, empty } from "../ops/define/memory.ts";
import * as p from "../ops/define/parameters.ts";
import { Tensor } from "../ops/methods.ts";

/**
 * A leaf that requires a gradient and shares the memory of `data`. A module counts it among its parameters once it is a property of it.
 * It is an ordinary tensor with a mark, which `instanceof nn.Parameter` reads, so operations meet tensors of one kind only.
 * Throws ArgumentError for anything but a tensor, AutogradError for a type that cannot require gradients.
 * @example
 * ```ts
 * new torch.nn.Parameter(torch.ones(2))
 * // => Parameter containing:
 * //    tensor([1., 1.], requires_grad=True)
 * ```
 */
export class Parameter extends Tensor {
  constructor(data: Tensor, requiresGrad: boolean = true) {
    if (!(data instanceof Tensor))
      throw new ArgumentError(`nn.Parameter: data must be a tensor, got ${p.describe(data)}`);
    super(data.storage, data.dtype, data.sizes, data.strides, data.offset, data.count, data.dense);
    const made = alias(data);
    made.requiresGrad = requiresGrad;
    markParameter(made);
    // oxlint-disable-next-line no-constructor-return -- what is returned has the hidden class of every other tensor
    return made as Parameter;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof Tensor && isParameter(value);
  }
}

/** What a module's constructor takes to say where its parameters lie and of which type they are. */
export interface Placement {
  readonly device?: Device | string | null;
  readonly dtype?: DType | null;
}

/** The same as parameters of a call; null stands for the CPU and the default type. */
export const placement: {
  readonly device: p.Parameter<Device | null>;
  readonly dtype: p.Parameter<DType | null>;
} = { device: p.optional(p.device, null), dtype: p.optional(p.dtype, null) };

/** A parameter of undefined numbers. */
export function blank(sizes: Sizes, given: p.Values<typeof placement>): Parameter {
  return new Parameter(empty(sizes, given.dtype ?? getDefaultDtype(), given.device ?? undefined));
}
