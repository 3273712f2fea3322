// Warnings: what is allowed but probably not meant, told once where the host has a place for it.

/** What a host offers beyond the language; absent where there is no console. */
interface Host {
  readonly console?: { warn(text: string): void };
}

/** Tells the user something that is no error. */
export function warn(text: string): void {
  (globalThis as Host).console?.warn(text);
}

const told = new Set<string>();
let always = false;

/** The same once only for each `topic`, unless `setWarnAlways` was called. */
export function warnOnce(topic: string, text: string): void {
  if (told.has(topic) && !always) return;
  told.add(topic);
  warn(text);
}

/**
 * Whether warnings that are given once for each topic are given every time.
 * @example
 * ```ts
 * torch.setWarnAlways(false);
 * torch.isWarnAlwaysEnabled() // => false
 * ```
 */
export function setWarnAlways(value: boolean): void {
  always = value;
}

/** Whether `setWarnAlways` is on. */
export function isWarnAlwaysEnabled(): boolean {
  return always;
}
