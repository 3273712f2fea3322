// Products with vectors: a vector's memory is seen as a matrix for the length of one kernel call. The views are made once and laid anew,
// because making tensors for them would cost more than the product of a small step.
import type { Operand } from "../../core/backend.ts";
import type { Tensor } from "../../core/tensor.ts";
import { joinedDevice } from "./levels.ts";
import { empty } from "./memory.ts";
import { ScratchView } from "./scratchview.ts";
import { fillWith } from "./transfer.ts";

class VectorView {
  private readonly view = new ScratchView();
  private readonly sizes: number[] = [1, 1];
  private readonly strides: number[] = [0, 0];

  /** Sees a vector as a matrix whose dimension `dim` it is; the other has size 1. */
  along(dim: 0 | 1, vector: Tensor): Operand {
    const stride = vector.strides[0]!;
    this.sizes[dim] = vector.sizes[0]!;
    this.strides[dim] = stride;
    this.sizes[1 - dim] = 1;
    this.strides[1 - dim] = dim === 1 ? vector.count * stride : 1;
    return this.view.show(vector, this.sizes, this.strides);
  }
}

const [first, second, result] = [new VectorView(), new VectorView(), new VectorView()];

/** A fresh result for two operands. */
function resultFor(a: Tensor, b: Tensor, sizes: readonly number[]): Tensor {
  return empty(sizes, a.dtype, joinedDevice(a.storage.device, b.storage.device));
}

/** The raw kernel of [k] @ [k, m] -> [m], outside the graph. */
export function vectorTimesMatrix(vector: Tensor, matrix: Tensor): Tensor {
  const out = resultFor(vector, matrix, [matrix.sizes[1]!]);
  // A sum of no products is zero, whatever a kernel makes of an empty loop.
  if (vector.count === 0) fillWith(out, 0);
  else
    out.storage.device.backend.matmul(
      result.along(1, out),
      first.along(1, vector),
      matrix,
      1,
      0,
      null,
    );
  return out;
}

/** The raw kernel of [n, k] @ [k] -> [n], outside the graph. */
export function matrixTimesVector(matrix: Tensor, vector: Tensor): Tensor {
  const out = resultFor(matrix, vector, [matrix.sizes[0]!]);
  if (vector.count === 0) fillWith(out, 0);
  else
    out.storage.device.backend.matmul(
      result.along(0, out),
      matrix,
      second.along(0, vector),
      1,
      0,
      null,
    );
  return out;
}

/** The raw kernel of [n] and [m] -> [n, m], outside the graph. */
export function vectorTimesVector(column: Tensor, row: Tensor): Tensor {
  const out = resultFor(column, row, [column.sizes[0]!, row.sizes[0]!]);
  out.storage.device.backend.matmul(out, first.along(0, column), second.along(1, row), 1, 0, null);
  return out;
}
