// Copies of what views show: `viewCopy` is `view` and then `clone`, and so on.
import { Tensor } from "../core/tensor.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { Method } from "./define/registry.ts";
import type { Dimensions, SizeArguments } from "./types.ts";

/** The copying form of a method that gives a view, or several. It takes the same arguments. */
function copying<A extends readonly unknown[], O = Tensor>(view: string): Method<A, O> {
  const name = `${view}Copy`;
  const { record } = composite<{ self: typeof p.tensor }, Method>({
    name,
    parameters: { self: p.tensor },
    compute: ({ self }) => self,
  });
  const copy = (...given: readonly unknown[]): unknown => {
    const [self, ...args] = given;
    const source = p.tensor.convert(self, name, "self");
    const method = (source as unknown as Readonly<Record<string, unknown>>)[view] as (
      ...args: readonly unknown[]
    ) => Tensor | readonly Tensor[];
    const shown = method.apply(source, args as unknown[]);
    return shown instanceof Tensor ? shown.clone() : shown.map((part) => part.clone());
  };
  return Object.assign(copy, { record, inPlace: null }) as unknown as Method<A, O>;
}

/** A copy of what `view` shows. */
export const viewCopy: Method<SizeArguments> = copying("view");
/** A copy of what `expand` shows. */
export const expandCopy: Method<SizeArguments> = copying("expand");
/** A copy of what `permute` shows. */
export const permuteCopy: Method<SizeArguments> = copying("permute");
/** A copy of what `transpose` shows. */
export const transposeCopy: Method<[dim0: number, dim1: number]> = copying("transpose");
/** A copy of what `t` shows. */
export const tCopy: Method = copying("t");
/** A copy of what `squeeze` shows. */
export const squeezeCopy: Method<[dim?: Dimensions | null]> = copying("squeeze");
/** A copy of what `unsqueeze` shows. */
export const unsqueezeCopy: Method<[dim: number]> = copying("unsqueeze");
/** A copy of what `narrow` shows. */
export const narrowCopy: Method<[dim: number, start: number, length: number]> = copying("narrow");
/** A copy of what `select` shows. */
export const selectCopy: Method<[dim: number, index: number]> = copying("select");
/** A copy of what `slice` shows. */
export const sliceCopy: Method<
  [dim?: number, start?: number | null, end?: number | null, step?: number]
> = copying("slice");
/** A copy of what `diagonal` shows. */
export const diagonalCopy: Method<[offset?: number, dim1?: number, dim2?: number]> =
  copying("diagonal");
/** A copy of what `unfold` shows. */
export const unfoldCopy: Method<[dimension: number, size: number, step: number]> =
  copying("unfold");
/** A copy of what `asStrided` shows. */
export const asStridedCopy: Method<
  [size: readonly number[], stride: readonly number[], storageOffset?: number | null]
> = copying("asStrided");
/** A copy; the same as `clone`. */
export const aliasCopy: Method = copying("alias");
/** A copy; the same as `clone`. */
export const detachCopy: Method = copying("detach");
/** Copies of what `unbind` shows. */
export const unbindCopy: Method<[dim?: number], readonly Tensor[]> = copying("unbind");
/** Copies of what `split` shows. */
export const splitCopy: Method<
  [splitSize: number | readonly number[], dim?: number],
  readonly Tensor[]
> = copying("split");
/** Copies of what `splitWithSizes` shows. */
export const splitWithSizesCopy: Method<
  [splitSizes: readonly number[], dim?: number],
  readonly Tensor[]
> = copying("splitWithSizes");
