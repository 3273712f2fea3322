// The torch.autograd.functional namespace: Jacobians, Hessians, and products with them.
export {
  hessian,
  type HessianOptions,
  jacobian,
  type JacobianOptions,
  type Strategy,
} from "./jacobian.ts";
export { hvp, jvp, type ProductOptions, vhp, vjp } from "./products.ts";
