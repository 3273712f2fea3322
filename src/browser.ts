// The library as browsers get it: the same namespace, once the WebAssembly backend has been compiled.
import { loadOrExplain } from "./backend.ts";

export * from "./index.ts";

await loadOrExplain();
