// Kernels on a few elements, computed in JavaScript where it sees the memory: a call into the addon costs several times more.
import type { Operand } from "../../core/backend.ts";
import { float32, float64 } from "../../core/dtype.ts";
import type { TypedProgram } from "../../core/program.ts";
import { isSeen, type NativeBlock, placeOf } from "./memory.ts";
import { type Scripts, scriptsOf } from "./script.ts";

// Products of so many pairs are added up here.
const mostPairs = 64;

function scripts(program: TypedProgram): Scripts {
  return (program.scripts ??= scriptsOf(program)) as Scripts;
}

/** Runs a program; false, and nothing done, where the addon must. */
export function mapFew(
  program: TypedProgram,
  output: Operand,
  inputs: readonly Operand[],
  scalars: readonly number[],
): boolean {
  const { map } = scripts(program);
  return map !== null && map(output, inputs, scalars);
}

/** Sums a program's values over everything; false, and nothing done, where the addon must. */
export function sumFew(
  program: TypedProgram,
  output: Operand,
  inputs: readonly Operand[],
  scalars: readonly number[],
  count: number,
  divisor: number,
): boolean {
  const { sum } = scripts(program);
  return (
    sum !== null &&
    output.dtype === program.outputs[0] &&
    sum(output, inputs, scalars, count, divisor)
  );
}

/**
 * output = a @ b for two matrices; false, and nothing done, where the addon must. Adds in double precision and rounds once, so that the last
 * bit of a float32 sum may be another than the kernels', which add in float32.
 */
export function productFew(output: Operand, a: Operand, b: Operand): boolean {
  const { dtype } = output;
  if (dtype !== float32 && dtype !== float64) return false;
  const rows = output.sizes[0]!;
  const columns = output.sizes[1]!;
  const inner = a.sizes[1]!;
  if (rows * columns * inner > mostPairs) return false;
  if (!isSeen(output.storage) || !isSeen(a.storage) || !isSeen(b.storage)) return false;
  const single = dtype === float32;
  const target = arrayOf(output, single);
  const left = arrayOf(a, single);
  const right = arrayOf(b, single);
  const shift = single ? 2 : 3;
  const aRow = a.strides[0]!;
  const aColumn = a.strides[1]!;
  const bRow = b.strides[0]!;
  const bColumn = b.strides[1]!;
  const outRow = output.strides[0]!;
  const outColumn = output.strides[1]!;
  let aLine = placeOf(a, shift);
  let outLine = placeOf(output, shift);
  const bFirst = placeOf(b, shift);
  for (let i = 0; i < rows; i++) {
    let at = outLine;
    let bLine = bFirst;
    if (inner === 1) {
      // Nothing is summed: a column times a row.
      const factor = left[aLine]!;
      for (let j = 0; j < columns; j++, at += outColumn, bLine += bColumn)
        target[at] = factor * right[bLine]!;
    } else
      for (let j = 0; j < columns; j++, at += outColumn, bLine += bColumn) {
        let sum = 0;
        let y = bLine;
        for (let k = 0, x = aLine; k < inner; k++, x += aColumn, y += bRow)
          sum += left[x]! * right[y]!;
        target[at] = sum;
      }
    aLine += aRow;
    outLine += outRow;
  }
  return true;
}

function arrayOf({ storage }: Operand, single: boolean): Float32Array | Float64Array {
  const { singles, doubles } = storage.memory as NativeBlock;
  return single ? singles : doubles;
}
