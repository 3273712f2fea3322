// What a custom function notes while it computes, and reads again when it is differentiated.
import type { Node } from "../autograd/node.ts";
import { ArgumentError, AutogradError } from "../core/errors.ts";
import { Tensor } from "../ops/methods.ts";
import { describe } from "../ops/define/parameters.ts";

/** What the context asks of the graph node of its call. */
export interface SavingPlace {
  readonly next: readonly (Node<Tensor> | null)[];
  readonly nextIndex: readonly number[];
  read(): readonly (Tensor | null)[];
}

/** The context of one call, without the properties that a function adds of its own. */
export class Context<Saved extends readonly (Tensor | null)[] = readonly Tensor[]> {
  /** Whether a gradient is asked for, for each argument of `forward`. */
  readonly needsInputGrad: readonly boolean[];
  readonly #notes: Notes;

  constructor(needsInputGrad: readonly boolean[], notes: Notes) {
    this.needsInputGrad = needsInputGrad;
    this.#notes = notes;
  }

  /** The graph node of the call; null where it was not recorded, and while it runs. */
  get node(): SavingPlace | null {
    return this.#notes.place;
  }

  /**
   * What `saveForBackward` was given; in `jvp`, what `saveForForward` was given. Throws AutogradError where a tensor was changed in place
   * since, and where a backward pass has freed what was saved.
   */
  get savedTensors(): Saved {
    const { place, forForward, inForwardMode } = this.#notes;
    if (inForwardMode) return forForward as unknown as Saved;
    return (place?.read() ?? []) as unknown as Saved;
  }

  /**
   * Keeps arguments and results for `backward`. A tensor that is neither is kept too, but its way back into the graph is unknown, so
   * that gradients of the gradient cannot go through it: they throw. Throws ArgumentError for what is not a tensor or null.
   */
  saveForBackward(...tensors: Saved): void {
    this.#notes.forBackward = checked("saveForBackward", tensors);
  }

  /** Keeps tensors for `jvp`. Throws ArgumentError for what is not a tensor or null. */
  saveForForward(...tensors: readonly (Tensor | null)[]): void {
    this.#notes.forForward = checked("saveForForward", tensors);
  }

  /** Says which arguments `forward` changed in place; it must return them too. */
  markDirty(...tensors: readonly Tensor[]): void {
    this.#notes.dirty = checked("markDirty", tensors) as Tensor[];
  }

  /** Says which results have no gradient. `backward` still gets zeros for them. */
  markNonDifferentiable(...tensors: readonly Tensor[]): void {
    this.#notes.nonDifferentiable = checked("markNonDifferentiable", tensors) as Tensor[];
  }

  /** Whether `backward` gets zeros for results through which no gradient came (the default), or null. */
  setMaterializeGrads(value: boolean): void {
    if (typeof value !== "boolean")
      throw new ArgumentError(
        `setMaterializeGrads: expected true or false, got ${describe(value)}`,
      );
    this.#notes.materialize = value;
  }
}

/** What a context was told, for those who run the function. */
export class Notes {
  forBackward: readonly (Tensor | null)[] = [];
  forForward: readonly (Tensor | null)[] = [];
  dirty: readonly Tensor[] = [];
  nonDifferentiable: readonly Tensor[] = [];
  materialize = true;
  /** Where `savedTensors` are once the call has been recorded. */
  place: SavingPlace | null = null;
  inForwardMode = false;
}

function checked(
  name: string,
  tensors: readonly (Tensor | null | undefined)[],
): readonly (Tensor | null)[] {
  return tensors.map((tensor, i) => {
    if (tensor === null || tensor === undefined) {
      if (name.startsWith("mark"))
        throw new AutogradError(`${name}: argument ${i} must be a tensor, got ${String(tensor)}`);
      return null;
    }
    if (tensor instanceof Tensor) return tensor;
    throw new ArgumentError(
      `${name}: only tensors and null can be given, but argument ${i} is ${describe(tensor)}; other values are kept as properties of the context`,
    );
  });
}
