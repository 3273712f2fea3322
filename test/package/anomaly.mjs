// Prints how anomaly mode of the built library explains a NaN.
import * as torch from "flambeau";

const x = torch.tensor([-1], { requiresGrad: true });
try {
  torch.autograd.detectAnomaly(() => x.sqrt().sum().backward());
} catch (error) {
  console.log(error.message);
}
