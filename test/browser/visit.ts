// A headless Chromium that visits a page served with the built library, and what keeps a test from using one.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "../..");
const chromium: string | undefined = [
  process.env["CHROMIUM"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
].find((file) => file !== undefined && existsSync(file));
const built = ["dist/flambeau.browser.js", "dist/simd.wasm"].every((file) =>
  existsSync(path.join(root, file)),
);
/** Why no page can be visited here, and why none that uses the library; empty where they can. */
export const noBrowser: string = chromium === undefined ? "there is no Chromium" : "";
export const left: string = noBrowser === "" && !built ? "the library is not built" : noBrowser;

const types: Readonly<Record<string, string>> = {
  ".js": "text/javascript",
  ".wasm": "application/wasm",
  ".html": "text/html",
};
/** Serves pages by address, and the library, to a headless browser that opens the first one, until a page posts JSON to /result. */
export async function visit<Result>(pages: Readonly<Record<string, string>>): Promise<Result> {
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
    const page = pages[request.url ?? "/"];
    const name = path.join(root, path.normalize(request.url ?? "/"));
    if (page === undefined && !existsSync(name)) {
      response.writeHead(404).end();
      return;
    }
    const extension = page === undefined ? path.extname(name) : ".html";
    response.setHeader("content-type", types[extension] ?? "text/html");
    response.end(page ?? readFileSync(name));
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const { port } = server.address() as AddressInfo;
  const child = spawn(
    chromium!,
    [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      `--user-data-dir=${profile}`,
      `http://127.0.0.1:${port}/`,
    ],
    { stdio: "ignore", detached: true },
  );
  const ended = new Promise((done) => child.on("exit", done));
  child.on("error", reject);
  child.on("exit", (code) => reject(new Error(`the browser ended with status ${code}`)));
  try {
    return await answer;
  } finally {
    // With the helpers that it started, which would go on writing into the profile.
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
    if (child.pid !== undefined) await ended;
    server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 20 });
  }
}
