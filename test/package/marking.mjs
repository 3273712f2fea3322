// How many full collections V8 makes in a loop whose results are so large that one outweighs all of its own heap.
import { constants, PerformanceObserver } from "node:perf_hooks";
import * as torch from "flambeau";

let collections = 0;
const observer = new PerformanceObserver((list) => {
  for (const { detail } of list.getEntries())
    collections += Number(detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR);
});
observer.observe({ entryTypes: ["gc"] });
const { crossEntropy, linear } = torch.nn.functional;
const parameters = { first: torch.randn(512, 784).mul(0.1), second: torch.randn(10, 512).mul(0.1) };
const [x, target] = [torch.randn(64, 784), torch.randint(0, 10, [64])];
const loss = ({ first, second }, input, label) =>
  crossEntropy(linear(linear(input, first).tanh(), second), label);
const perSample = torch.vmap(torch.func.grad(loss), { inDims: [null, 0, 0] });
for (let step = 0; step < 300; step++) perSample(parameters, x, target);
setTimeout(() => console.log(collections), 50);
