// PyTorch's tests of gradients of sparse tensors.
import { describe } from "vitest";
import { doesNotApply } from "./parity.ts";

describe("T21 sparse tensors", () => {
  for (const name of [
    "testToSparseBackward",
    "testSparseMmBackward",
    "testSparseGatherDim0",
    "testSparseGatherDim1",
    "testSparseGatherDimNeg",
    "testSparseGatherIndScalar",
    "testSparseGatherXScalar",
    "testSparseGatherBothScalar",
    "testSparseCtorGetterBackward",
    "testSparseBackward",
    "testSparseMaskAutograd",
  ])
    doesNotApply(name, "there are no sparse tensors");
});
