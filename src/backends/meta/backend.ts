// The meta backend: tensors that have shapes and no values, so that a model can be laid out without memory or work.
import type { Backend } from "../../core/backend.ts";
import { meta } from "../../core/device.ts";
import { DeviceError } from "../../core/errors.ts";
import { type Block, Storage } from "../../core/storage.ts";

const nothing: Block = {
  copyOut(): never {
    throw new DeviceError("a meta tensor has no values; it has only a shape and a type");
  },
};

/** Every kernel does nothing: shapes were decided before it was called. Reading a value throws DeviceError. */
class MetaBackend implements Backend {
  readonly name: string = "meta";
  readonly valueless: boolean = true;

  supports(): boolean {
    return true;
  }

  allocate(byteLength: number): Storage {
    return new Storage(meta, nothing, 0, byteLength);
  }

  read(storage: Storage): never {
    return nothing.copyOut(storage) as never;
  }

  map(): void {}
  mapMany(): void {}
  reduce(): void {}
  scan(): void {}
  matmul(): void {}
  gather(): void {}
  scatter(): void {}
  index(): void {}
  indexPut(): void {}
  nonzero(): void {}
  sort(): void {}
  softmax(): void {}
  softmaxBackward(): void {}
}

export function createMetaBackend(): Backend {
  return new MetaBackend();
}
