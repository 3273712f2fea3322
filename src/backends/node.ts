// Node's own modules, where there are any: importing them by name would keep a browser from loading the library.

const host = globalThis as {
  readonly process?: { getBuiltinModule?(name: string): unknown };
};

/** A module of Node's as `process.getBuiltinModule` gives it; undefined outside Node. */
export function nodeModule(name: `node:${string}`): unknown {
  return host.process?.getBuiltinModule?.(name);
}
