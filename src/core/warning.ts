// Warnings: what is allowed but probably not meant, told once where the host has a place for it.

/** What a host offers beyond the language; absent where there is no console. */
interface Host {
  readonly console?: { warn(text: string): void };
}

/** Tells the user something that is no error. */
export function warn(text: string): void {
  (globalThis as Host).console?.warn(text);
}
