// The torch.autograd.forwardAd namespace: dual tensors, which carry a tangent through every operation beside their value.
import {
  closeLevel,
  enableForward,
  type ForwardLevel,
  forwardMode,
  openLevel,
} from "../autograd/forward.ts";
import {
  type Enter,
  type ModeGuard,
  scoped,
  type Switch,
  switchFunction,
} from "../autograd/scope.ts";
import { AutogradError } from "../core/errors.ts";
import { NamedTuple } from "../core/namedtuple.ts";
import { describe } from "../ops/define/parameters.ts";
import { markConstant, tangentOf } from "../ops/define/tangent.ts";
import { Tensor } from "../ops/methods.ts";
import { dual } from "./forward.ts";

// The one level of these functions; torch.func.jvp opens others, which nest.
let current: ForwardLevel | null = null;

const enter: Enter = () => {
  if (current !== null)
    throw new AutogradError(
      "dualLevel: nested forward mode AD is not supported here: a level is open already; torch.func.jvp nests",
    );
  const level = openLevel();
  current = level;
  return () => {
    if (level.open) closeLevel(level);
    if (current === level) current = null;
  };
};

export interface DualLevelFunction {
  /** Runs the callback in a level of forward mode and returns its value. */
  <T>(callback: () => T): T;
  /** Opens the level until the guard is disposed of: `using _ = forwardAd.dualLevel()`. */
  (): ModeGuard;
}

/**
 * Opens the level of forward mode in which `makeDual` gives tensors tangents; when it is left, tangents are gone.
 * Throws AutogradError inside another one, and if the callback returns a promise.
 * @example
 * ```ts
 * const { forwardAd } = torch.autograd;
 * forwardAd.dualLevel(() => {
 *   const x = forwardAd.makeDual(torch.tensor([1, 2]), torch.tensor([1, 0]));
 *   return forwardAd.unpackDual(x.mul(x)).tangent;
 * }) // => tensor([2., 0.])
 * ```
 */
export const dualLevel: DualLevelFunction = (<T>(callback?: () => T) =>
  scoped("dualLevel", enter, callback)) as DualLevelFunction;

/** Opens the level until `exitDualLevel`; `dualLevel` is the safer way. Throws AutogradError where one is open. Returns its number, 0. */
export function enterDualLevel(): number {
  enter();
  return 0;
}

/** Closes the level that `enterDualLevel` opened. Throws AutogradError where none is open. */
export function exitDualLevel(): void {
  if (current === null)
    throw new AutogradError("exitDualLevel: no level is open; enterDualLevel() opens one");
  closeLevel(current);
  current = null;
}

/**
 * A view of `primal` that carries `tangent` through the operations that follow. The tangent itself is kept where its layout is the
 * primal's, else a copy. Throws AutogradError outside of a level and where either has a tangent already, DTypeError for types that are
 * not floating, ShapeError for different shapes.
 * @example
 * ```ts
 * const { forwardAd } = torch.autograd;
 * forwardAd.dualLevel(() => {
 *   const x = forwardAd.makeDual(torch.tensor(0), torch.tensor(1));
 *   return String(x.sin());
 * }) // => tensor(0., tangent=tensor(1.))
 * ```
 */
export function makeDual(primal: Tensor, tangent: Tensor): Tensor {
  if (current === null)
    throw new AutogradError(
      "makeDual: trying to create a dual tensor for forward AD, but no level exists; call it inside forwardAd.dualLevel(() => ...)",
    );
  return dual("makeDual", primal, tangent, current);
}

/** Whether operations propagate tangents at all. */
export function isFwdGradEnabled(): boolean {
  return forwardMode.enabled;
}

/**
 * Switches the propagation of tangents on or off: at once, until the returned guard is disposed of, or for a callback.
 * @example
 * ```ts
 * const { forwardAd } = torch.autograd;
 * forwardAd.setFwdGradEnabled(false, () => forwardAd.isFwdGradEnabled()) // => false
 * ```
 */
export const setFwdGradEnabled: Switch = switchFunction("setFwdGradEnabled", (mode) => () => {
  const before = forwardMode.enabled;
  enableForward(mode);
  return () => enableForward(before);
});

/** A dual tensor taken apart. */
export interface UnpackedDual extends Iterable<Tensor | null> {
  readonly primal: Tensor;
  readonly tangent: Tensor | null;
  readonly 0: Tensor;
  readonly 1: Tensor | null;
}

/**
 * The primal of a tensor, a view without tangent, and its tangent, null where it has none or no level is open.
 * @example
 * ```ts
 * const [primal, tangent] = torch.autograd.forwardAd.unpackDual(torch.ones(2));
 * primal // => tensor([1., 1.])
 * tangent // => null
 * ```
 */
export function unpackDual(tensor: Tensor): UnpackedDual {
  if (!(tensor instanceof Tensor))
    throw new AutogradError(`unpackDual: expected a tensor, got ${describe(tensor)}`);
  const tangent = current === null ? null : tangentOf(tensor, current);
  const primal = current === null ? tensor : tensor.viewAs(tensor);
  if (current !== null) markConstant(primal, current);
  const fields = ["primal", "tangent"];
  return new NamedTuple("UnpackedDualTensor", fields, [primal, tangent]) as unknown as UnpackedDual;
}
