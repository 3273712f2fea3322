// Reading one position along a dimension, and its adjoint: writing into zeros at positions. Recorded, for the rules of other operations.
import { mappedNumbers } from "../../core/list.ts";
import type { Tensor } from "../../core/tensor.ts";
import { empty } from "./memory.ts";
import { operation } from "./operation.ts";
import * as p from "./parameters.ts";
import { fillWith } from "./transfer.ts";

/** out[p] = self[p with p[dim] replaced by index[p]]. Index values are in range, or the kernel throws IndexError. */
const pick: (self: Tensor, dim: number, index: Tensor) => Tensor = operation({
  name: "gather",
  linear: true,
  parameters: { self: p.tensor, dim: p.integer, index: p.tensor },
  forward: ({ self, dim, index }) => {
    const out = empty(index.sizes, self.dtype, self.device);
    out.storage.device.backend.gather(out, self, dim, index);
    return out;
  },
  saves: ["index"],
  backward: { self: (g, { dim, index, sizesOf }) => place(g, dim, index, sizesOf["self"]![dim]!) },
});

/** Zeros of size `size` along `dim`, to which self's elements are added at index. */
export const place: (self: Tensor, dim: number, index: Tensor, size: number) => Tensor = operation({
  name: "scatterAdd",
  linear: true,
  parameters: { self: p.tensor, dim: p.integer, index: p.tensor, size: p.integer },
  forward: ({ self, dim, index, size }) => {
    const out = empty(
      mappedNumbers(self.sizes, (n, i) => (i === dim ? size : n)),
      self.dtype,
      self.device,
    );
    fillWith(out, 0);
    out.storage.device.backend.scatter("sum", out, dim, index, self);
    return out;
  },
  saves: ["index"],
  backward: { self: (g, { dim, index }) => pick(g, dim, index) },
});
