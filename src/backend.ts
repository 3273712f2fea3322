// Which backend computes on the CPU: chosen once at load, by the environment or by what is there, and changeable afterwards.
import type { Backend } from "./core/backend.ts";
import { cpu, meta } from "./core/device.ts";
import { ArgumentError, DeviceError } from "./core/errors.ts";
import { describe } from "./ops/define/parameters.ts";
import { createMetaBackend } from "./backends/meta/backend.ts";
import { createNativeBackend } from "./backends/native/backend.ts";
import { createReferenceBackend } from "./backends/reference/backend.ts";
import { type Bytes, createWasmBackend, loadWasmBackend } from "./backends/wasm/backend.ts";

interface Unavailable {
  readonly reason: string;
  readonly loadable?: boolean;
}

/** The backends by name, fastest first; each gives a backend, or why there is none. */
const makers: Readonly<Record<string, () => Backend | Unavailable>> = {
  native: createNativeBackend,
  wasm: createWasmBackend,
  reference: createReferenceBackend,
};
// What Node or a browser may offer; neither's types are visible here.
const host = globalThis as {
  readonly process?: { readonly env?: Readonly<Record<string, string | undefined>> };
  readonly console?: { warn(text: string): void };
};
const made = new Map<string, Backend>();

export type BackendName = "native" | "wasm" | "reference";

function make(name: string): Backend | Unavailable {
  const known = made.get(name);
  if (known !== undefined) return known;
  const maker = Object.hasOwn(makers, name) ? makers[name] : undefined;
  if (maker === undefined)
    throw new ArgumentError(
      `backend: there is no backend "${name}"; there are ${Object.keys(makers).join(", ")}`,
    );
  const backend = maker();
  if (!("reason" in backend)) made.set(name, backend);
  return backend;
}

/** The CPU backend in use. Prints as its name. */
export const backend: {
  /** The name of the backend that computes on the CPU. */
  readonly name: string;
  /** Lets another backend compute from now on; existing tensors stay valid. Throws DeviceError where it is not available. */
  use(name: BackendName): void;
  /**
   * Compiles the WebAssembly backend, from the library's own files or from those given, and lets it compute from now on. A browser needs
   * this, since it compiles asynchronously; Node has the backend already. Throws DeviceError where it cannot run.
   */
  load(source?: string | Bytes): Promise<void>;
  /** The names of all backends, fastest first. */
  readonly names: readonly string[];
  toString(): string;
} = {
  get name() {
    return cpu.backend.name;
  },
  use(name) {
    const found = make(name);
    if ("reason" in found)
      throw new DeviceError(`backend: ${name} is not available: ${found.reason}`);
    cpu.backend = found;
  },
  async load(source) {
    if (source !== undefined || !made.has("wasm")) made.set("wasm", await loadWasmBackend(source));
    backend.use("wasm");
  },
  names: Object.keys(makers),
  toString() {
    return cpu.backend.name;
  },
};

/**
 * How many threads large kernels may use: as many as there are processors, unless set. 1 on a backend that has no threads.
 *
 * @example
 * ```ts
 * torch.setNumThreads(2);
 * torch.backend.name === "native" ? torch.getNumThreads() : 2 // => 2
 * ```
 */
export function getNumThreads(): number {
  return cpu.backend.threads ?? 1;
}

/**
 * Lets large kernels use `count` threads from now on, at most 256: one leaves the other processors to other work. It holds for the whole
 * process, workers included; a backend that has no threads stays at one. Throws ArgumentError where `count` is not a positive integer.
 *
 * @example
 * ```ts
 * torch.setNumThreads(1);
 * torch.ones(500, 500).matmul(torch.ones(500, 500)).sum() // => tensor(1.2500e+08)
 * ```
 */
export function setNumThreads(count: number): void {
  if (!Number.isSafeInteger(count) || count < 1)
    throw new ArgumentError(
      `setNumThreads: the number of threads must be a positive integer, not ${describe(count)}`,
    );
  if ("threads" in cpu.backend) cpu.backend.threads = count;
}

/** Sets up the devices: the backend that the environment names, else the fastest there is. */
export function chooseBackends(): void {
  meta.backend = createMetaBackend();
  const wanted = host.process?.env?.["FLAMBEAU_BACKEND"];
  if (wanted !== undefined && wanted !== "") return backend.use(wanted as BackendName);
  const reasons: string[] = [];
  let loadable = false;
  for (const name of Object.keys(makers)) {
    const found = make(name);
    if (!("reason" in found)) {
      cpu.backend = found;
      // Where a faster one only waits to be loaded, that is the caller's next step.
      if (reasons.length > 0 && !loadable)
        host.console?.warn(
          `flambeau: computing on the slower ${name} backend (${reasons.join("; ")})`,
        );
      return;
    }
    reasons.push(`${name}: ${found.reason}`);
    loadable ||= found.loadable === true;
  }
}
