// The built library in Chromium: a page imports it from a local server, trains on the WebAssembly backend and sends the losses back.
import { expect, it } from "vitest";
import { left, visit } from "./visit.ts";

const page = `<!doctype html><script type="module">
const send = (body) => fetch("/result", { method: "POST", body: JSON.stringify(body) });
addEventListener("error", (event) => send({ error: event.message }));
addEventListener("unhandledrejection", (event) => send({ error: String(event.reason) }));
const torch = await import("/dist/flambeau.browser.js");
torch.manualSeed(0);
const x = torch.randn([64, 3]);
const y = x.matmul(torch.tensor([[1], [-2], [0.5]]));
const w = torch.zeros([3, 1], { requiresGrad: true });
const losses = [];
for (let step = 0; step < 20; step++) {
  const loss = x.matmul(w).sub(y).square().mean();
  loss.backward();
  losses.push(loss.item());
  torch.noGrad(() => w.sub_(w.grad.mul(0.1)));
  w.grad = null;
}
await send({ backend: torch.backend.name, losses });
</script>`;

interface Result {
  readonly error?: string;
  readonly backend?: string;
  readonly losses?: readonly number[];
}

it.skipIf(left !== "")(
  `trains in a browser on WebAssembly${left === "" ? "" : ` (left out: ${left})`}`,
  { timeout: 60_000 },
  async () => {
    const { error, backend, losses } = await visit<Result>({ "/": page });
    expect(error).toBeUndefined();
    expect(backend).toBe("wasm");
    expect(losses!.at(-1)!).toBeLessThan(losses![0]! / 10);
  },
);
