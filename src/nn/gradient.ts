// torch.nn.utils: limiting gradients, and all parameters as one vector.
import { noGrad } from "../autograd/mode.ts";
import { float32 } from "../core/dtype.ts";
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { empty } from "../ops/define/memory.ts";
import { describe } from "../ops/define/parameters.ts";
import { cat, stack } from "../ops/join.ts";
import { Tensor } from "../ops/methods.ts";

/** One tensor, or several. */
export type TensorsInput = Tensor | Iterable<Tensor>;

function gradientsOf(parameters: TensorsInput): Tensor[] {
  const list = parameters instanceof Tensor ? [parameters] : [...parameters];
  return list.flatMap(({ grad }) => (grad === null ? [] : [grad.detach()]));
}

/**
 * Scales all gradients together so that their norm, taken over all of them as one vector, is at most `maxNorm`; returns the norm before.
 * Throws ArgumentError, with `errorIfNonfinite`, where the norm is infinite or not a number.
 */
export function clipGradNorm_(
  parameters: TensorsInput,
  maxNorm: number,
  normType: number = 2,
  { errorIfNonfinite = false }: { readonly errorIfNonfinite?: boolean } = {},
): Tensor {
  const gradients = gradientsOf(parameters);
  if (gradients.length === 0) return empty([], float32).fill_(0);
  return noGrad(() => {
    const total = stack(gradients.map((gradient) => gradient.norm(normType))).norm(normType);
    if (errorIfNonfinite && !Number.isFinite(total.item()))
      throw new ArgumentError(
        `clipGradNorm_: the norm of the gradients is ${total.item()}, so they cannot be scaled to ${maxNorm}`,
      );
    const factor = total.add(1e-6).reciprocal().mul(maxNorm).clamp({ max: 1 });
    for (const gradient of gradients) gradient.mul_(factor);
    return total;
  });
}

/** Cuts every element of the gradients to [-clipValue, clipValue]. */
export function clipGradValue_(parameters: TensorsInput, clipValue: number): void {
  noGrad(() => {
    for (const gradient of gradientsOf(parameters)) gradient.clamp_(-clipValue, clipValue);
  });
}

/** All elements of the parameters, one after another, as a vector. */
export function parametersToVector(parameters: Iterable<Tensor>): Tensor {
  return cat([...parameters].map((parameter) => parameter.reshape(-1)));
}

/** Writes the elements of a vector into the parameters. Throws ShapeError unless there are as many. */
export function vectorToParameters(vector: Tensor, parameters: Iterable<Tensor>): void {
  const list = [...parameters];
  const total = list.reduce((sum, { count }) => sum + count, 0);
  if (!(vector instanceof Tensor) || vector.count !== total)
    throw new ShapeError(
      `vectorToParameters: the parameters have ${total} elements, got ${describe(vector)}`,
    );
  const flat = vector.detach().reshape(-1);
  noGrad(() => {
    let from = 0;
    for (const parameter of list) {
      parameter.copy_(flat.narrow(0, from, parameter.count).view(parameter.shape));
      from += parameter.count;
    }
  });
}
