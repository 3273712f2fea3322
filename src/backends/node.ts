// Node's own modules, where there are any: importing them by name would keep a browser from loading the library.

const host = globalThis as {
  readonly process?: { getBuiltinModule?(name: string): unknown };
};

/** A module of Node's as `process.getBuiltinModule` gives it; undefined outside Node. */
export function nodeModule(name: `node:${string}`): unknown {
  return host.process?.getBuiltinModule?.(name);
}

interface Modules {
  createRequire(from: string): { resolve(name: string): string };
}

/** The path of a file of this package, which a module at the address `from` belongs to or was bundled out of; throws where it is not installed. */
export function packageFile(from: string, file: string): string {
  const modules = nodeModule("node:module") as Modules;
  const manifest = modules.createRequire(from).resolve("flambeau/package.json");
  return manifest.replace(/package\.json$/, file);
}
