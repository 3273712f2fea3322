// The record of an operation that is not pointwise.
import type { DType } from "../../core/dtype.ts";
import type { Sizes } from "../../core/shape.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { Parameter, Parameters, Values } from "./parameters.ts";

export type TensorNames<P extends Parameters> = {
  [K in keyof P]: P[K] extends Parameter<infer T>
    ? Extract<T, Tensor | readonly Tensor[]> extends never
      ? never
      : K
    : never;
}[keyof P] &
  string;

/** What a rule may read: the plain arguments, the saved tensors by name, and the sizes and types of all tensor arguments. */
export type RuleContext<P extends Parameters, S extends string> = Omit<
  Values<P>,
  Exclude<TensorNames<P>, S>
> & {
  readonly sizesOf: Readonly<Record<string, Sizes>>;
  readonly dtypeOf: Readonly<Record<string, DType>>;
  /** The saved results. Present where `saves` lists "output". */
  readonly outputs: S extends "output" ? readonly Tensor[] : never;
  readonly output: S extends "output" ? Tensor : never;
  /** Whether the gradient for that parameter is asked for. */
  readonly needs: (name: TensorNames<P>) => boolean;
};

/** The gradient for one parameter from the gradients of the results; an array for a list of tensors. */
export type Rule<P extends Parameters, S extends string> = (
  gradient: Tensor,
  context: RuleContext<P, S>,
  gradients: readonly (Tensor | null)[],
) => Tensor | null | readonly (Tensor | null)[];

/** What the rule of each parameter reads. */
type Reads<P extends Parameters, S extends string> = {
  readonly [K in TensorNames<P>]?: readonly Exclude<S, "output">[];
};

/** One operation: everything there is to know about it. */
export interface OperationRecord<P extends Parameters, S extends string> {
  readonly name: string;
  /** PyTorch's name of the node, without `Backward0`; by default the name with a capital. A digit may follow: `Select`, `Max1`. */
  readonly node?: string;
  readonly parameters: P;
  /** Computes the result or results. Runs unrecorded. */
  readonly forward?: (values: Values<P>) => Tensor | readonly Tensor[];
  /**
   * Names of tensor arguments that the rules read, and "output" for the results. Rules of several parameters say which of them reads what,
   * as in `{ self: ["other"], other: ["self"] }`: a call then keeps only what the gradients that it is asked for need.
   */
  readonly saves?: readonly S[] | Reads<P, S>;
  /** The rule of each differentiable parameter. None: results never require gradients. */
  readonly backward?: { readonly [K in keyof P]?: Rule<P, S> };
  /** Results that share the first argument's memory: one, or several, which then may not be changed in place. */
  readonly view?: "single" | "multiple";
  /** Whether the results are linear in all differentiable arguments together: then tangents take the same way. */
  readonly linear?: boolean;
  /** The arguments that the result is a product of: linear in each of them, and in all other differentiable ones together. */
  readonly multilinear?: readonly string[];
  /** Whether the Jacobian of the result by the first argument is symmetric: then the rule gives tangents as well as gradients. */
  readonly symmetric?: boolean;
  /** Field names of several results, in order. */
  readonly outputs?: readonly string[];
  /** Which of several results the rules read, where they do not read all: only these are in the context's `outputs`. */
  readonly savedOutputs?: readonly number[];
  /** Whether `name_` exists, which writes the result into the first argument. */
  readonly inPlace?: boolean;
  /** Writes the result into the first argument directly; `forward` is then derived by cloning. */
  readonly write?: (values: Values<P>) => void;
}

/** The record with its parameter types erased, as shared code handles it. */
export interface AnyRecord extends Omit<
  OperationRecord<Parameters, string>,
  "backward" | "saves" | "forward"
> {
  readonly forward: (values: Values<Parameters>) => Tensor | readonly Tensor[];
  readonly saves?: readonly string[] | Readonly<Record<string, readonly string[] | undefined>>;
  readonly backward?: Readonly<Record<string, Rule<Parameters, string> | undefined>>;
}
