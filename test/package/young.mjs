// How large V8's young generation is, in MiB: once the library has loaded, after many collections in the midst of steps, and after much
// that survives by V8's own judgement.
import { getHeapSpaceStatistics } from "node:v8";
import * as torch from "flambeau";

const size = () =>
  getHeapSpaceStatistics().find(({ space_name: name }) => name === "new_space").space_size /
  2 ** 20;

const loaded = size();
const leaf = torch.randn(64, 2048, { requiresGrad: true });
for (let step = 0; step < 400; step++) {
  leaf.grad = null;
  let wave = leaf;
  for (let k = 0; k < 8; k++) wave = wave.sin().mul(leaf);
  wave.sum().backward();
}
const worked = size();
const kept = [];
for (let k = 0; k < 400_000; k++) kept.push({ k });
console.log(JSON.stringify({ loaded, worked, grown: size(), kept: kept.length }));
