// A small user of the packed library: type-checked under nodenext, then run. Prints the loss before and after one step.
import * as torch from "flambeau";
import { nn, optim, type Tensor } from "flambeau";

torch.manualSeed(0);
const model = new nn.Linear(4, 3);
const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
const inputs = torch.randn(8, 4);
const labels = torch.randint(0, 3, [8]);

function loss(): Tensor {
  return nn.functional.crossEntropy(model(inputs), labels);
}

const before = loss();
before.backward();
optimizer.step();
console.log(`${before.item()} ${loss().item()}`);
