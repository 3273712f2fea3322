// What to say where a saved value is no longer what the node saved.
import { AutogradError } from "../../core/errors.ts";
import { formatSizes } from "../../core/shape.ts";
import { storageMode } from "../../core/storage.ts";
import type { Tensor } from "../../core/tensor.ts";

const usualAdvice = "use the out-of-place form there, or clone() the tensor before the change";
const advices = new Map<string, string>();

/** What to do about saved values that this writer changes, where there is something better than the usual advice. */
export function advise(writer: string, advice: string): void {
  advices.set(writer, advice);
}

/** The error of a saved value that was written to after it was saved, at the version `expected`. */
export function changed(
  node: string,
  name: string,
  tensor: Tensor,
  expected: number,
): AutogradError {
  const { version, writer, writtenAt } = tensor.storage;
  return new AutogradError(
    `${node}: its saved value "${name}", a ${tensor.dtype.name} tensor of shape ${formatSizes(tensor.sizes)}, was modified by an inplace operation: ` +
      `${writer || "an in-place operation"} changed it after it was saved (version ${version}, expected version ${expected})` +
      `${writtenAt === undefined ? "" : `, last at ${writtenAt}`}; ${advices.get(writer) ?? usualAdvice}` +
      `${storageMode.place !== null ? "" : "; torch.autograd.detectAnomaly() names the lines of both"}`,
  );
}

/** The error of a saved argument that detach_() took out of the graph. */
export function detached(node: string, name: string): AutogradError {
  return new AutogradError(
    `${node}: its saved value "${name}" was detached in place, by detach_(), and the graph no longer leads from it to where it came from; use detach(), which leaves the tensor itself in the graph`,
  );
}

/** The error of a backward pass that reaches a node whose saved values are gone. */
export function alreadyFreed(node: string): AutogradError {
  return new AutogradError(
    `${node}: trying to go backward through the graph a second time: the values saved there were freed when backward() or grad() ran before; ` +
      `give { retainGraph: true } to the earlier call, or, if the graph was carried over from an earlier iteration by accident, detach() the tensor that carries it`,
  );
}
