// Attaches operations to Tensor as methods. Whoever holds a Tensor has imported it from here, so none is ever without them.
import { Tensor } from "../core/tensor.ts";
import type { AccessProperties } from "./access.ts";
import type { GraphProperties } from "./graph.ts";
import type { VersionProperties } from "./version.ts";
import type { PermuteProperties } from "./permute.ts";
import type { Attached, MethodsOf } from "./define/registry.ts";
import * as accessFamily from "./access.ts";
import * as activationFamily from "./activation.ts";
import * as arithmeticFamily from "./arithmetic.ts";
import * as arrangeFamily from "./arrange.ts";
import * as comparisonFamily from "./comparison.ts";
import * as copyFamily from "./copy.ts";
import * as createFamily from "./create.ts";
import * as entropyFamily from "./entropy.ts";
import * as likelihoodFamily from "./likelihood.ts";
import * as marginFamily from "./margin.ts";
import * as calculusFamily from "./calculus.ts";
import * as classesFamily from "./classes.ts";
import * as exponentialFamily from "./exponential.ts";
import * as extremumFamily from "./extremum.ts";
import * as graphFamily from "./graph.ts";
import * as indexingFamily from "./indexing.ts";
import * as joinFamily from "./join.ts";
import * as linearFamily from "./linear.ts";
import * as logicalFamily from "./logical.ts";
import * as lossFamily from "./loss.ts";
import * as matmulFamily from "./matmul.ts";
import * as multimarginFamily from "./multimargin.ts";
import * as addmatmulFamily from "./addmatmul.ts";
import * as contractionFamily from "./contraction.ts";
import * as boundsFamily from "./bounds.ts";
import * as orderFamily from "./order.ts";
import * as einsumFamily from "./einsum.ts";
import * as normFamily from "./norm.ts";
import * as randomFamily from "./random.ts";
import * as rectifierFamily from "./rectifier.ts";
import * as reduceFamily from "./reduce.ts";
import * as roundingFamily from "./rounding.ts";
import * as scanFamily from "./scan.ts";
import * as scatterFamily from "./scatter.ts";
import * as selectFamily from "./select.ts";
import * as softmaxFamily from "./softmax.ts";
import * as sortFamily from "./sort.ts";
import * as specialFamily from "./special.ts";
import * as statisticsFamily from "./statistics.ts";
import * as trigonometricFamily from "./trigonometric.ts";
import * as permuteFamily from "./permute.ts";
import * as redrawFamily from "./redraw.ts";
import * as sliceFamily from "./slice.ts";
import * as splitFamily from "./split.ts";
import * as stridedFamily from "./strided.ts";
import * as valuesFamily from "./values.ts";
import * as rangeFamily from "./range.ts";
import * as positionsFamily from "./positions.ts";
import * as maskedFamily from "./masked.ts";
import * as scatterreduceFamily from "./scatterreduce.ts";
import * as viewcopyFamily from "./viewcopy.ts";
import * as triangleFamily from "./triangle.ts";
import * as gridFamily from "./grid.ts";
import * as versionFamily from "./version.ts";
import * as viewFamily from "./view.ts";

/** Every module of operations: what the generic tests and the compatibility table walk over. */
export const families: readonly Readonly<Record<string, unknown>>[] = [
  accessFamily,
  activationFamily,
  arithmeticFamily,
  arrangeFamily,
  comparisonFamily,
  copyFamily,
  createFamily,
  entropyFamily,
  likelihoodFamily,
  marginFamily,
  calculusFamily,
  classesFamily,
  exponentialFamily,
  extremumFamily,
  graphFamily,
  indexingFamily,
  joinFamily,
  linearFamily,
  logicalFamily,
  lossFamily,
  matmulFamily,
  multimarginFamily,
  addmatmulFamily,
  contractionFamily,
  boundsFamily,
  orderFamily,
  einsumFamily,
  normFamily,
  randomFamily,
  rectifierFamily,
  reduceFamily,
  roundingFamily,
  scanFamily,
  scatterFamily,
  selectFamily,
  softmaxFamily,
  sortFamily,
  specialFamily,
  statisticsFamily,
  trigonometricFamily,
  permuteFamily,
  redrawFamily,
  sliceFamily,
  splitFamily,
  stridedFamily,
  valuesFamily,
  rangeFamily,
  positionsFamily,
  maskedFamily,
  scatterreduceFamily,
  viewcopyFamily,
  triangleFamily,
  gridFamily,
  versionFamily,
  viewFamily,
];

declare module "../core/tensor.ts" {
  interface Tensor
    extends
      MethodsOf<typeof accessFamily>,
      MethodsOf<typeof activationFamily>,
      MethodsOf<typeof arithmeticFamily>,
      MethodsOf<typeof arrangeFamily>,
      MethodsOf<typeof comparisonFamily>,
      MethodsOf<typeof copyFamily>,
      MethodsOf<typeof createFamily>,
      MethodsOf<typeof entropyFamily>,
      MethodsOf<typeof likelihoodFamily>,
      MethodsOf<typeof marginFamily>,
      MethodsOf<typeof calculusFamily>,
      MethodsOf<typeof classesFamily>,
      MethodsOf<typeof exponentialFamily>,
      MethodsOf<typeof extremumFamily>,
      MethodsOf<typeof graphFamily>,
      MethodsOf<typeof indexingFamily>,
      MethodsOf<typeof joinFamily>,
      MethodsOf<typeof linearFamily>,
      MethodsOf<typeof logicalFamily>,
      MethodsOf<typeof lossFamily>,
      MethodsOf<typeof matmulFamily>,
      MethodsOf<typeof multimarginFamily>,
      MethodsOf<typeof addmatmulFamily>,
      MethodsOf<typeof contractionFamily>,
      MethodsOf<typeof boundsFamily>,
      MethodsOf<typeof orderFamily>,
      MethodsOf<typeof einsumFamily>,
      MethodsOf<typeof normFamily>,
      MethodsOf<typeof randomFamily>,
      MethodsOf<typeof rectifierFamily>,
      MethodsOf<typeof reduceFamily>,
      MethodsOf<typeof roundingFamily>,
      MethodsOf<typeof scanFamily>,
      MethodsOf<typeof scatterFamily>,
      MethodsOf<typeof selectFamily>,
      MethodsOf<typeof softmaxFamily>,
      MethodsOf<typeof sortFamily>,
      MethodsOf<typeof specialFamily>,
      MethodsOf<typeof statisticsFamily>,
      MethodsOf<typeof trigonometricFamily>,
      MethodsOf<typeof permuteFamily>,
      MethodsOf<typeof redrawFamily>,
      MethodsOf<typeof sliceFamily>,
      MethodsOf<typeof splitFamily>,
      MethodsOf<typeof stridedFamily>,
      MethodsOf<typeof valuesFamily>,
      MethodsOf<typeof rangeFamily>,
      MethodsOf<typeof positionsFamily>,
      MethodsOf<typeof maskedFamily>,
      MethodsOf<typeof scatterreduceFamily>,
      MethodsOf<typeof viewcopyFamily>,
      MethodsOf<typeof triangleFamily>,
      MethodsOf<typeof gridFamily>,
      MethodsOf<typeof versionFamily>,
      MethodsOf<typeof viewFamily>,
      GraphProperties,
      VersionProperties,
      AccessProperties,
      PermuteProperties {}
}

export type Operation = Attached & ((...args: readonly unknown[]) => unknown);

/** Whether an export of a family is an operation. */
export function isOperation(value: unknown): value is Operation {
  return typeof value === "function" && "record" in value;
}

function attach(name: string, method: (...args: readonly unknown[]) => unknown): void {
  Object.defineProperty(Tensor.prototype, name, {
    configurable: true,
    writable: true,
    value: method,
  });
}

for (const family of families)
  for (const [name, operation] of Object.entries(family)) {
    if (!isOperation(operation)) continue;
    const place = Object.keys(operation.record.parameters).indexOf("self");
    if (place < 0) continue;
    // A spread call costs more than a small kernel, so functions that name their parameters are called with them.
    // The tensor stands where the function takes "self": first, but for where(condition, self, other).
    if (place > 0)
      attach(name, function (this: Tensor, ...args: unknown[]): unknown {
        return operation(...args.slice(0, place), this, ...args.slice(place));
      });
    else if (operation.length > 0)
      attach(
        name,
        function (this: Tensor, a: unknown, b: unknown, c: unknown, d: unknown): unknown {
          return operation(this, a, b, c, d);
        },
      );
    else
      attach(name, function (this: Tensor, ...args: unknown[]): unknown {
        return operation(this, ...args);
      });
    const { inPlace } = operation;
    if (inPlace !== null)
      attach(`${name}_`, function (this: Tensor, ...args: unknown[]): unknown {
        return inPlace(this, ...args);
      });
  }

export { Tensor };
