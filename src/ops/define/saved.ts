// Values saved for the backward pass, and the check that they are still what was saved.
import { gradMode } from "../../autograd/mode.ts";
import { AutogradError } from "../../core/errors.ts";
import { formatSizes } from "../../core/shape.ts";
import { storageMode, uncounted } from "../../core/storage.ts";
import type { Tensor } from "../../core/tensor.ts";

/** The versions at which tensors are saved; null where all are 0, which is the common case. */
export function versionsOf(
  node: { readonly name: string },
  saved: readonly (Tensor | null)[],
): readonly number[] | null {
  for (let i = 0; i < saved.length; i++) {
    const tensor = saved[i];
    if (tensor !== null && tensor !== undefined && tensor.storage.version !== 0)
      return saved.map((t) => (t === null ? 0 : countedVersion(node.name, t)));
  }
  return null;
}

function countedVersion(node: string, tensor: Tensor): number {
  if (tensor.storage.version === uncounted)
    throw new AutogradError(
      `${node}: inference tensors cannot be saved for backward, and this operation must keep one, a tensor of shape ${formatSizes(tensor.sizes)} made in inferenceMode; clone() it for a normal tensor, or make it inside torch.noGrad(() => ...) instead`,
    );
  return tensor.storage.version;
}

/** Throws AutogradError where a saved value was changed in place since. */
export function checkVersions<N extends { readonly name: string; readonly sequence: number }>(
  node: N,
  saved: readonly (Tensor | null)[],
  versions: readonly number[] | null,
  nameOf: (node: N, index: number) => string,
): void {
  for (let i = 0; i < saved.length; i++) {
    const tensor = saved[i]!;
    if (tensor === null) continue;
    const expected = versions === null ? 0 : versions[i]!;
    if (tensor.storage.version !== expected)
      throw changed(node.name, nameOf(node, i), tensor, expected);
    // Its value is still right, but the way from it into the graph is gone, and with it a part of the second derivative.
    if (gradMode.enabled && tensor.hooks !== null && tensor.hooks.detachedAt > node.sequence)
      throw new AutogradError(
        `${node.name}: its saved value "${nameOf(node, i)}" was taken out of the graph with detach_(), so gradients of this gradient would be wrong; use detach(), which leaves the tensor itself in the graph`,
      );
  }
}

const usualAdvice = "use the out-of-place form there, or clone() the tensor before the change";
const advices = new Map<string, string>();

/** What to do about saved values that this writer changes, where there is something better than the usual advice. */
export function advise(writer: string, advice: string): void {
  advices.set(writer, advice);
}

function changed(node: string, name: string, tensor: Tensor, expected: number): AutogradError {
  const { version, writer, writtenAt } = tensor.storage;
  return new AutogradError(
    `${node}: its saved value "${name}", a ${tensor.dtype.name} tensor of shape ${formatSizes(tensor.sizes)}, was modified by an inplace operation: ` +
      `${writer || "an in-place operation"} changed it after it was saved (version ${version}, expected version ${expected})` +
      `${writtenAt === undefined ? "" : `, last at ${writtenAt}`}; ${advices.get(writer) ?? usualAdvice}` +
      `${storageMode.place !== null ? "" : "; torch.autograd.detectAnomaly() names the lines of both"}`,
  );
}

/** The error of a backward pass that reaches a node whose saved values are gone. */
export function alreadyFreed(node: string): AutogradError {
  return new AutogradError(
    `${node}: trying to go backward through the graph a second time: the values saved there were freed when backward() or grad() ran before; ` +
      `give { retainGraph: true } to the earlier call, or, if the graph was carried over from an earlier iteration by accident, detach() the tensor that carries it`,
  );
}
