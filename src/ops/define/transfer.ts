// Raw writes, outside the graph: elements copied with conversion, or set to one number.
import { float32, float64, int64 } from "../../core/dtype.ts";
import { input, scalar } from "../../core/expression.ts";
import { Program } from "../../core/program.ts";
import type { Tensor } from "../../core/tensor.ts";
import { computeType } from "./formula.ts";

const identity = new Program([input(0)], 1, 0);
const constantFill = new Program([scalar(0)], 0, 1);

/** Writes the elements of one tensor into another, converted and broadcast. The raw kernel, outside the graph. */
export function transfer(from: Tensor, to: Tensor): void {
  // Between two floats of one width the wider of the two computations is exact; from a float to an integer the float decides.
  const compute =
    computeType(from.dtype) === int64
      ? computeType(to.dtype)
      : from.dtype === float64 || to.dtype === float64
        ? float64
        : float32;
  const operands = [from];
  to.storage.device.backend.map(identity.typedFor(compute, operands, to.dtype), to, operands, []);
}

/** Writes one number into every element. The raw kernel, outside the graph. */
export function fillWith(to: Tensor, value: number): void {
  to.storage.device.backend.map(
    constantFill.typedFor(computeType(to.dtype), [], to.dtype),
    to,
    [],
    [value],
  );
}
