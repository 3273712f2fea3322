// Tangents of tensors: where they are kept, how views share them, and how in-place changes reach them.
// A tangent has its tensor's layout, so that whatever view is made of the one can be made of the other.
import { beneath, type ForwardLevel, forwardMode } from "../../autograd/forward.ts";
import { withRecording } from "../../autograd/mode.ts";
import { mapped } from "../../core/list.ts";
import { mayOverlap, sameSizes } from "../../core/shape.ts";
import { Tensor } from "../../core/tensor.ts";
import { type Hooks, hooksOf, Tangent } from "./hooks.ts";
import { alias } from "./memory.ts";
import { fillWith } from "./transfer.ts";

function entryOf(tensor: Tensor, level: ForwardLevel): Tangent | null {
  const hooks = tensor.hooks as Hooks | null;
  if (hooks === null) return null;
  let entry = hooks.tangents;
  while (entry !== null && entry.level !== level) entry = entry.next;
  return entry;
}

/** The tangent of a tensor at a level; that of a view is the same view of its base's tangent. */
export function tangentOf(tensor: Tensor, level: ForwardLevel): Tensor | null {
  const entry = entryOf(tensor, level);
  if (entry !== null) return entry.value;
  if (tensor.viewOf === null) return null;
  const whole = entryOf(tensor.viewOf.base, level)?.value ?? null;
  return whole === null ? null : shareTangent(tensor, level, whole);
}

/** Gives a view the part of its base's tangent that it shows. */
function shareTangent(view: Tensor, level: ForwardLevel, whole: Tensor): Tensor {
  const part = withRecording(true, () =>
    beneath(level, () => whole.asStrided(view.sizes, view.strides, view.offset)),
  );
  setTangent(view, level, part);
  return part;
}

/** The tangents of several tensors at a level, null where one has none; null where all have none. */
export function tangentsOf(
  tensors: readonly Tensor[],
  level: ForwardLevel,
): readonly (Tensor | null)[] | null {
  let found: (Tensor | null)[] | null = null;
  for (let i = 0; i < tensors.length; i++) {
    const tensor = tensors[i]!;
    if (tensor.hooks === null && tensor.viewOf === null) continue;
    const tangent = tangentOf(tensor, level);
    if (tangent !== null) (found ??= new Array<null>(tensors.length).fill(null))[i] = tangent;
  }
  return found;
}

/** Notes a tangent that already has the tensor's layout; null says that there is none. */
export function setTangent(tensor: Tensor, level: ForwardLevel, value: Tensor | null): Tangent {
  const entry = entryOf(tensor, level);
  if (entry !== null) {
    entry.value = value;
    return entry;
  }
  const hooks = hooksOf(tensor);
  // What levels that are closed left behind goes now.
  let rest = hooks.tangents;
  while (rest !== null && !rest.level.open) rest = rest.next;
  return (hooks.tangents = new Tangent(level, value, rest));
}

/** The same for a tensor that is likely to outlive the level, which then lets go of the tangent itself. */
export function holdTangent(tensor: Tensor, level: ForwardLevel, value: Tensor | null): void {
  level.clearsOnClosing(setTangent(tensor, level, value));
}

/** Says that a tensor has no tangent at a level, whatever its base has. */
export function markConstant(tensor: Tensor, level: ForwardLevel): void {
  setTangent(tensor, level, null);
}

/** Whether operations on the tensor propagate a tangent. */
export function hasTangent(tensor: Tensor): boolean {
  return (
    forwardMode.active && forwardMode.levels.some((level) => tangentOf(tensor, level) !== null)
  );
}

/** The tangent that printing shows: the innermost. */
export function shownTangent(tensor: Tensor): Tensor | null {
  const level = forwardMode.levels.at(-1);
  return level === undefined ? null : tangentOf(tensor, level);
}

/** The same elements, and tangents, outside the graph: the tensor itself where it and they are so already. */
export function withoutGraph(tensor: Tensor): Tensor {
  const tangents = forwardMode.levels.flatMap((level) => {
    const tangent = tangentOf(tensor, level);
    return tangent === null ? [] : [{ level, tangent }];
  });
  const plain = mapped(tangents, ({ level, tangent }) =>
    beneath(level, () => withoutGraph(tangent)),
  );
  const { tracked, viewOf } = tensor;
  if (
    !tracked &&
    viewOf?.base.tracked !== true &&
    plain.every((t, i) => t === tangents[i]!.tangent)
  )
    return tensor;
  const out = alias(tensor);
  tangents.forEach(({ level }, i) => setTangent(out, level, plain[i]!));
  return out;
}

/** Forgets all tangents of a tensor. */
export function dropTangents(tensor: Tensor): void {
  if (tensor.hooks !== null) (tensor.hooks as Hooks).tangents = null;
}

/** Gives a tensor copies of the tangents of another of the same layout. */
export function copyTangents(from: Tensor, to: Tensor): void {
  for (const level of forwardMode.levels) {
    const tangent = tangentOf(from, level);
    if (tangent === null) continue;
    const copy = beneath(level, () => tangent.clone());
    holdTangent(
      to,
      level,
      beneath(level, () => laidOut(copy, to)),
    );
  }
}

/** Gives a tensor the very tangents of another of the same layout. */
export function shareTangents(from: Tensor, to: Tensor): void {
  for (const level of forwardMode.levels) {
    const tangent = tangentOf(from, level);
    if (tangent !== null) setTangent(to, level, tangent);
  }
}

function liesAs(tangent: Tensor, primal: Tensor): boolean {
  if (tangent.storage.device === primal.storage.device) {
    if (tangent.storage.byteLength !== primal.storage.byteLength) return false;
  }
  if (primal.count === 0) return true;
  if (tangent.offset !== primal.offset) return false;
  if (tangent.dense && primal.dense) return true;
  for (let i = 0; i < primal.sizes.length; i++)
    if (primal.sizes[i] !== 1 && tangent.strides[i] !== primal.strides[i]) return false;
  return true;
}

/** Zeros over memory of its own, laid out as the tensor is in its memory. */
function zerosLaidOut(primal: Tensor, model: Tensor): Tensor {
  const { sizes, strides, offset, count, dense, dtype, storage } = primal;
  const memory = model.storage.device.backend.allocate(storage.byteLength);
  const every = storage.byteLength / dtype.itemsize;
  fillWith(new Tensor(memory, dtype, [every], [1], 0, every, true), 0);
  return new Tensor(memory, dtype, sizes, strides, offset, count, dense);
}

/**
 * A tangent with the sizes, type and layout of its tensor: itself where it has them, else a copy. Where elements of the tensor share their
 * memory, those of the tangent need not: nothing is written there.
 */
export function laidOut(tangent: Tensor, primal: Tensor): Tensor {
  let out = tangent;
  if (out.dtype !== primal.dtype) out = out.to(primal.dtype);
  if (out.sizes !== primal.sizes && !sameSizes(out.sizes, primal.sizes))
    out = out.expand(primal.sizes);
  if (liesAs(out, primal) || mayOverlap(primal.sizes, primal.strides)) return out;
  return zerosLaidOut(primal, out).copy_(out);
}

/** Zeros as a tangent of a tensor. */
export function zeroTangent(primal: Tensor): Tensor {
  return primal.newZeros(primal.sizes);
}

/**
 * Writes the tangent of a tensor whose memory was changed in place. Where there was none, a view's base gets one that is zero outside
 * the view, so that other views see the change as well.
 */
export function overwriteTangent(self: Tensor, level: ForwardLevel, fresh: Tensor): void {
  beneath(level, () => {
    const before = tangentOf(self, level);
    if (before !== null && before.storage.device === fresh.storage.device) {
      before.copy_(fresh);
      return;
    }
    const base = self.viewOf?.base;
    const known = base === undefined ? null : (entryOf(base, level)?.value ?? null);
    if (base === undefined || (known === null && entryOf(self, level) !== null)) {
      holdTangent(self, level, laidOut(fresh, self));
      return;
    }
    const whole = zerosLaidOut(base, fresh);
    if (known !== null) whole.copy_(known);
    holdTangent(base, level, whole);
    shareTangent(self, level, whole).copy_(fresh);
  });
}
