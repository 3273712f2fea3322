// Observers of operations, nodes and passes: what they see, in which order, and that nothing stays behind.
import * as torch from "flambeau";
import { describe, expect, it } from "vitest";
import { observation, observe, type Observer } from "../../src/autograd/observer.ts";

const all = (): unknown[] => [
  observation.created,
  observation.visit,
  observation.pass,
  observation.call,
];

/** Writes down what it sees. */
function recorder(log: string[], name: string): Observer {
  return {
    created: () => void log.push(`${name} created`),
    visit: (node, proceed) => {
      log.push(`${name} visit ${node.name}`);
      proceed();
    },
    run: (node, proceed) => {
      log.push(`${name} run ${node.name}`);
      proceed();
    },
    computed: (node, results) => void log.push(`${name} computed ${node.name} ${results.length}`),
    call: (operation, _args, proceed) => {
      log.push(`${name} call ${operation}`);
      return proceed();
    },
  };
}

describe("an observer", () => {
  it("sees calls, new nodes, and what a pass does with them", () => {
    const log: string[] = [];
    const x = torch.ones(2, { requiresGrad: true });
    const stop = observe(recorder(log, "a"));
    const y = x.mul(x);
    expect(log).toEqual(["a call mul", "a created", "a created"]);
    log.length = 0;
    torch.autograd.grad(y, x, { gradOutputs: torch.noGrad(() => y.detach()) });
    expect(log.filter((line) => !line.includes("call"))).toEqual([
      "a visit MulBackward0",
      "a run MulBackward0",
      "a computed MulBackward0 2",
      "a visit AccumulateGrad",
    ]);
    stop();
    stop();
    log.length = 0;
    x.mul(2).sum().backward();
    expect(log).toEqual([]);
    expect(all()).toEqual([null, null, null, null]);
  });

  it("that came last is outermost, and each ends by itself", () => {
    const log: string[] = [];
    const first = observe(recorder(log, "a"));
    const second = observe({
      call: (operation, _args, proceed) => {
        log.push(`b call ${operation}`);
        return proceed();
      },
    });
    torch.ones(1).neg();
    expect(log).toEqual(["b call ones", "a call ones", "b call neg", "a call neg"]);
    first();
    log.length = 0;
    torch.ones(1);
    expect(log).toEqual(["b call ones"]);
    expect(all().map((watch) => watch === null)).toEqual([true, true, true, false]);
    second();
    expect(all()).toEqual([null, null, null, null]);
  });

  it("changes no result, and sees what hooks made of a gradient", () => {
    const x = torch.ones(2, { requiresGrad: true });
    const y = x.mul(3);
    y.gradFn!.registerHook((inputs) => inputs.map((g) => g?.mul(10) ?? null));
    const seen: number[] = [];
    const stop = observe({
      computed: (node, results) => {
        if (node.name === "MulBackward0") seen.push((results[0] as torch.Tensor).sum().item());
      },
    });
    try {
      y.sum().backward();
    } finally {
      stop();
    }
    expect(seen).toEqual([60]);
    expect(x.grad!.tolist()).toEqual([30, 30]);
  });

  it("is left in good order when an operation or a rule throws", () => {
    const x = torch.ones(2, { requiresGrad: true });
    const prof = torch.profiler.profile();
    expect(() => x.mul(torch.ones(3))).toThrow(torch.ShapeError);
    const y = x.exp();
    y.sum().backward();
    expect(() => y.sum().backward()).toThrow(/second time/);
    prof.stop();
    const names = prof.functionEvents.map(({ name }) => name);
    expect(names.filter((name) => name === "ExpBackward0")).toHaveLength(2);
    for (const event of prof.functionEvents) expect(event.endUs).toBeGreaterThan(event.startUs);
    expect(all()).toEqual([null, null, null, null]);
  });
});
