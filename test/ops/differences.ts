// Gradients against finite differences.
import { expect } from "vitest";
import * as torch from "flambeau";

/** Differentiable values in float64, drawn from the seeded generator. */
export function drawn(...sizes: readonly number[]): torch.Tensor {
  return torch.randn(sizes, { dtype: torch.float64, requiresGrad: true });
}

/** The weighted sum of all results, so that every element has a gradient of its own. */
function weighted(results: torch.Tensor | readonly torch.Tensor[]): torch.Tensor {
  const list = results instanceof torch.Tensor ? [results] : results;
  return list.reduce(
    (sum, result) => {
      const weights = torch.arange(result.numel(), { dtype: torch.float64 }).add(1).cos();
      return sum.add(result.reshape(-1).mul(weights).sum());
    },
    torch.zeros([], { dtype: torch.float64 }),
  );
}

type Compute = (...inputs: torch.Tensor[]) => torch.Tensor | readonly torch.Tensor[];

/** Expects first and second derivatives of a function to be those that differences give. */
export function expectGradients(compute: Compute, inputs: readonly torch.Tensor[]): void {
  expectFirst((...given) => weighted(compute(...given)), inputs);
  expectFirst((...given) => {
    const loss = weighted(compute(...given)).pow(2);
    const gradients = torch.autograd.grad([loss], given, { createGraph: true, allowUnused: true });
    return weighted(gradients.filter((g): g is torch.Tensor => g !== null));
  }, inputs);
}

function expectFirst(
  compute: (...inputs: torch.Tensor[]) => torch.Tensor,
  inputs: readonly torch.Tensor[],
): void {
  const leaves = inputs.map((input) => input.detach().clone().requiresGrad_());
  const gradients = torch.autograd.grad([compute(...leaves)], leaves, { allowUnused: true });
  const step = 1e-6;
  leaves.forEach((leaf, k) => {
    const values = leaf.detach().reshape(-1);
    const numeric = Array.from({ length: leaf.numel() }, (_, i) => {
      const at = (delta: number): number => {
        const moved = values.clone();
        moved.setAt_([i], (values.at(i).item() as number) + delta);
        const given = leaves.map((other, j) =>
          j === k ? moved.reshape(leaf.shape).requiresGrad_() : other,
        );
        return compute(...given).item();
      };
      return (at(step) - at(-step)) / (2 * step);
    });
    const found = gradients[k]?.reshape(-1).tolist() ?? numeric.map(() => 0);
    (found as number[]).forEach((value, i) =>
      expect(Math.abs(value - numeric[i]!)).toBeLessThan(1e-5 * (1 + Math.abs(numeric[i]!))),
    );
  });
}
