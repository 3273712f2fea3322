// Values for the samples of operations.
import * as torch from "flambeau";
import type { Tensor } from "flambeau";
import type { Sample } from "./samples.ts";

const generator = new torch.Generator();

/** The tensors that a sample takes, the same each time. */
export function drawn({ sizes, from }: Sample): Tensor[] {
  generator.manualSeed(9);
  return sizes.map((size, i) => {
    const options = { generator, dtype: torch.float64 };
    if (from === "distinct") {
      // Far enough apart that no step of a difference changes their order.
      const count = size.reduce((n, s) => n * s, 1);
      return torch
        .randperm(count, { generator })
        .to(torch.float64)
        .add(0.3 + i / 10)
        .mul(0.7)
        .reshape([...size]);
    }
    if (from === "unit")
      return torch
        .rand([...size], options)
        .mul(0.8)
        .add(0.1);
    const normal = torch.randn([...size], options);
    return from === "positive" ? normal.exp() : normal;
  });
}

/** What a sample computes, as a test's name. */
export const source = (sample: Sample): string =>
  sample.compute
    .toString()
    .replaceAll(/\s+/g, " ")
    .replaceAll(/__vi_import_\d+__\./g, "")
    .slice(0, 90);
