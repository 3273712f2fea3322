// Memory of a batch seen as that of one member: what tensors inside a mapped function lie in.
import type { Device } from "../../core/device.ts";
import { AutogradError } from "../../core/errors.ts";
import { type Block, Storage } from "../../core/storage.ts";

/** The storage that holds all members, and how many bytes lie between two of them; 0 where all members are the same. */
export class Members implements Block {
  readonly inner: Storage;
  readonly step: number;

  constructor(inner: Storage, step: number) {
    this.inner = inner;
    this.step = step;
  }

  copyOut(): never {
    throw hasNoValue();
  }
}

/** The error of reading a value where there is one for each member of a batch. */
export function hasNoValue(): AutogradError {
  return new AutogradError(
    "vmap: a tensor inside the mapped function stands for all members of the batch and has no value to read: item(), tolist(), conditions on it " +
      "and operations whose result's shape depends on values do not work there; use torch.where instead of if, or move the reading out of vmap",
  );
}

// What counts writes and holders is the memory itself, whatever shows it.
const shared = Object.fromEntries(
  (["version", "writer", "kept"] as const).map((name) => [
    name,
    {
      get(this: Storage): unknown {
        return (this.memory as Members).inner[name];
      },
      set(this: Storage, value: never): void {
        (this.memory as Members).inner[name] = value;
      },
    },
  ]),
);

/** A member's view of memory that holds `size` of them, `step` bytes apart. */
export function memberStorage(device: Device, inner: Storage, step: number, size: number): Storage {
  const reach = inner.byteLength - Math.max(0, size - 1) * step;
  const storage = new Storage(device, new Members(inner, step), -1, reach);
  Object.defineProperties(storage, shared);
  return storage;
}
