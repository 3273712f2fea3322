// The built library in Chromium: a page imports it from a local server, trains on the WebAssembly backend and sends the losses back.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { expect, it } from "vitest";

const root = path.resolve(import.meta.dirname, "../..");
const chromium = [process.env["CHROMIUM"], "/usr/bin/chromium", "/usr/bin/chromium-browser"].find(
  (file) => file !== undefined && existsSync(file),
);
const built = ["dist/browser.js", "dist/backends/wasm/simd.wasm"].every((file) =>
  existsSync(path.join(root, file)),
);
const left =
  chromium === undefined ? "there is no Chromium" : built ? "" : "the library is not built";

const types: Readonly<Record<string, string>> = {
  ".js": "text/javascript",
  ".wasm": "application/wasm",
  ".html": "text/html",
};
const page = `<!doctype html><script type="module">
const send = (body) => fetch("/result", { method: "POST", body: JSON.stringify(body) });
addEventListener("error", (event) => send({ error: event.message }));
addEventListener("unhandledrejection", (event) => send({ error: String(event.reason) }));
const torch = await import("/dist/browser.js");
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

/** Serves the page and the library to a headless browser until it answers. */
async function visit(browser: string): Promise<Result> {
  const profile = mkdtempSync(path.join(os.tmpdir(), "flambeau-browser-"));
  let resolve!: (result: Result) => void, reject!: (error: Error) => void;
  const answer = new Promise<Result>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  const server = createServer((request, response) => {
    if (request.url === "/result") {
      let body = "";
      request.on("data", (part) => (body += String(part)));
      request.on("end", () => {
        response.end();
        resolve(JSON.parse(body) as Result);
      });
      return;
    }
    const name = request.url === "/" ? "" : path.join(root, path.normalize(request.url ?? "/"));
    if (name !== "" && !existsSync(name)) {
      response.writeHead(404).end();
      return;
    }
    response.setHeader("content-type", types[path.extname(name || ".html")] ?? "text/html");
    response.end(name === "" ? page : readFileSync(name));
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const { port } = server.address() as AddressInfo;
  const child = spawn(
    browser,
    [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      `--user-data-dir=${profile}`,
      `http://127.0.0.1:${port}/`,
    ],
    { stdio: "ignore" },
  );
  const ended = new Promise((done) => child.on("exit", done));
  child.on("error", reject);
  child.on("exit", (code) => reject(new Error(`the browser ended with status ${code}`)));
  try {
    return await answer;
  } finally {
    child.kill();
    await ended;
    server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

it.skipIf(left !== "")(
  `trains in a browser on WebAssembly${left === "" ? "" : ` (left out: ${left})`}`,
  { timeout: 60_000 },
  async () => {
    const { error, backend, losses } = await visit(chromium!);
    expect(error).toBeUndefined();
    expect(backend).toBe("wasm");
    expect(losses!.at(-1)!).toBeLessThan(losses![0]! / 10);
  },
);
