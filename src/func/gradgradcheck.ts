// Whether second derivatives are right: gradcheck of the backward pass itself.
import { noGrad } from "../autograd/mode.ts";
import { ArgumentError } from "../core/errors.ts";
import { float64 } from "../core/dtype.ts";
import { flatten } from "../core/tree.ts";
import { captureGradients, givenIn } from "../ops/define/pass.ts";
import { composite } from "../ops/define/operation.ts";
import * as p from "../ops/define/parameters.ts";
import type { FunctionOnly } from "../ops/define/registry.ts";
import { empty } from "../ops/create.ts";
import { Tensor } from "../ops/methods.ts";
import { randnLike } from "../ops/random.ts";
import { outputsOf } from "./difference.ts";
import { isTensor } from "../ops/access.ts";
import { checkParameters, type GradcheckOptions, prepare, run, verdict } from "./gradcheck.ts";

/** What `gradgradcheck` takes by name. */
export interface GradgradcheckOptions extends Omit<
  GradcheckOptions,
  "checkForwardAd" | "checkBackwardAd" | "checkBatchedForwardGrad"
> {
  /** The gradients of the outputs at which the backward pass is differentiated; drawn at random where they are not given. */
  readonly gradOutputs?: Tensor | readonly Tensor[] | null;
  /** Draws gradients whose elements do not lie one after the other. Default: false. */
  readonly genNonContigGradOutputs?: boolean;
  /** Whether forward-mode derivatives of the backward pass are compared. Default: false. */
  readonly checkFwdOverRev?: boolean;
  /** Whether its backward pass is compared. Default: true. */
  readonly checkRevOverRev?: boolean;
}

/** The same values with other elements between them. */
function spread(values: Tensor): Tensor {
  return noGrad(() => {
    const wide = empty([...values.sizes, 2], { dtype: values.dtype, device: values.device });
    wide.select(-1, 0).copy_(values);
    wide.select(-1, 1).zero_();
    return wide.select(-1, 0);
  });
}

function drawnFor(outputs: readonly Tensor[], apart: boolean): Tensor[] {
  return outputs.map((output) => {
    const drawn = noGrad(() => randnLike(output.detach(), { dtype: float64 }));
    const own = noGrad(() => drawn.to(output.dtype));
    return (apart ? spread(own) : own).detach().requiresGrad_();
  });
}

/**
 * Checks second derivatives: `gradcheck` of the function that gives the gradients of the inputs for given gradients of the outputs.
 * Those are drawn at random unless `gradOutputs` gives them. Returns and throws as `gradcheck` does.
 * @example
 * ```ts
 * const x = torch.tensor([0.5, 2], { dtype: torch.float64, requiresGrad: true });
 * torch.autograd.gradgradcheck((x) => x.sin(), [x]) // => true
 * ```
 */
export const gradgradcheck: FunctionOnly<{
  <const A extends readonly unknown[]>(
    func: (...args: { readonly [K in keyof A]: A[K] }) => unknown,
    inputs: A,
    gradOutputs?: GradgradcheckOptions["gradOutputs"] | GradgradcheckOptions,
    options?: GradgradcheckOptions,
  ): boolean;
  (
    func: (input: Tensor) => unknown,
    inputs: Tensor,
    gradOutputs?: GradgradcheckOptions["gradOutputs"] | GradgradcheckOptions,
    options?: GradgradcheckOptions,
  ): boolean;
}> = composite({
  name: "gradgradcheck",
  parameters: {
    func: p.anything,
    inputs: p.anything,
    gradOutputs: p.optional(p.anything, null),
    eps: checkParameters.eps,
    atol: checkParameters.atol,
    rtol: checkParameters.rtol,
    genNonContigGradOutputs: p.optional(p.boolean, false),
    raiseException: checkParameters.raiseException,
    nondetTol: checkParameters.nondetTol,
    checkUndefinedGrad: checkParameters.checkUndefinedGrad,
    checkGradDtypes: checkParameters.checkGradDtypes,
    checkBatchedGrad: checkParameters.checkBatchedGrad,
    checkFwdOverRev: p.optional(p.boolean, false),
    checkRevOverRev: p.optional(p.boolean, true),
    fastMode: checkParameters.fastMode,
  },
  compute: (values) => {
    const { func, inputs, gradOutputs, genNonContigGradOutputs, ...rest } = values;
    const { checkFwdOverRev, checkRevOverRev, ...shared } = rest;
    const options = {
      ...shared,
      checkForwardAd: checkFwdOverRev,
      checkBackwardAd: checkRevOverRev,
      checkBatchedForwardGrad: false,
    };
    const first = prepare("gradgradcheck", func, inputs, options);
    const differentiable = (result: unknown): readonly Tensor[] =>
      outputsOf(result).filter((output) => output.requiresGrad);
    const outputs = differentiable(first.call());
    if (outputs.length === 0)
      throw new ArgumentError(
        "gradgradcheck: no output of the function requires a gradient, so there is no backward pass to check",
      );
    const seeds = (givenIn("gradgradcheck", "gradOutputs", gradOutputs)?.leaves ??
      drawnFor(outputs, genNonContigGradOutputs)) as readonly Tensor[];
    const needs = first.arguments.leaves.map((leaf) => leaf.requiresGrad);
    // Forward mode gives arguments that require no gradient, but here it is the gradient that is differentiated.
    const gradients = (args: unknown, given: readonly Tensor[]): readonly Tensor[] => {
      const { leaves } = flatten(args, isTensor);
      const wanted = leaves.filter((_, i) => needs[i]!).map((leaf) => leaf.requiresGrad_());
      const seedsNow = given.map((seed, i) =>
        seeds[i]!.requiresGrad ? seed.requiresGrad_() : seed,
      );
      const made = differentiable(first.func(...(args as readonly unknown[])));
      const found = captureGradients("gradgradcheck", made, wanted, seedsNow, true, true);
      return found.filter((gradient) => gradient !== null);
    };
    const own = first.arguments.rebuild(first.arguments.leaves);
    const second = prepare("gradgradcheck", gradients, [own, seeds], options);
    const names = second.inputNames.map((name) =>
      name.replace(/^input (\d+)\[(\d+)\]/, (_, part: string, i: string) =>
        part === "0" ? `input ${i}` : `gradient of output ${i}`,
      ),
    );
    return verdict(options.raiseException, () => run({ ...second, inputNames: names }));
  },
});
