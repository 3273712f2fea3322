// Changing the layout of a tensor itself: squeeze_, t_ and the like.
import { forwardMode } from "../../autograd/forward.ts";
import { contiguousStrides, elementCount, type Sizes } from "../../core/shape.ts";
import type { Tensor } from "../../core/tensor.ts";
import { bumpVersion, checkChange, requiresGradient, type View } from "./history.ts";
import { shareTangents } from "./tangent.ts";

/** Gives a tensor the layout, and the place in the graph, of a view of itself. */
export function relayoutInPlace(operation: string, self: Tensor, view: () => Tensor): Tensor {
  checkChange(operation, self, requiresGradient(self));
  const viewed = view();
  self.setLayout(viewed.sizes, viewed.strides, viewed.offset, viewed.count, viewed.dense);
  bumpVersion(operation, self);
  if (viewed.node !== null) {
    self.node = viewed.node;
    self.outputIndex = 0;
    self.tracked = true;
  }
  if (forwardMode.active) shareTangents(viewed, self);
  // A view whose new layout was not recorded gets a new node from its base when it is asked for one.
  if (self.viewOf !== null)
    (self.viewOf as View).version = viewed.node === null ? -1 : self.storage.version;
  return self;
}

/** Gives a tensor other sizes over its memory, in row-major order from where it starts. */
export function resized(operation: string, self: Tensor, sizes: Sizes): Tensor {
  checkChange(operation, self, false);
  self.setLayout(sizes, contiguousStrides(sizes), self.offset, elementCount(sizes), true);
  bumpVersion(operation, self);
  return self;
}
