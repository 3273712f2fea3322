// The library as browsers get it: the same namespace, once the WebAssembly backend has been compiled.
import { backend } from "./index.ts";

export * from "./index.ts";

// A browser has one; its types are not visible here.
const { console } = globalThis as { readonly console?: { warn(text: string): void } };

try {
  await backend.load();
} catch (error) {
  console?.warn(
    `flambeau: computing on the slower ${backend.name} backend (${error instanceof Error ? error.message : String(error)})`,
  );
}
