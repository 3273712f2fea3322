// Printing: lets Node's console show an object of ours as its own text.

/** Makes `console.log` print instances as `text(instance)`. */
export function printsAs<T extends object>(prototype: T, text: (value: T) => string): void {
  Object.defineProperty(prototype, Symbol.for("nodejs.util.inspect.custom"), {
    value(this: T): string {
      return text(this);
    },
  });
}
