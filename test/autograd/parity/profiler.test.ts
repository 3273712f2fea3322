// PyTorch's tests of the autograd profiler, and what is ours.
import * as torch from "flambeau";
import { describe, expect, test } from "vitest";

const { profiler } = torch.autograd;
const { profile, recordFunction, FunctionEvent, FunctionEventAvg, EventList } = profiler;
type Event = InstanceType<typeof FunctionEvent>;

const names = (prof: { readonly functionEvents: readonly Event[] }): string[] =>
  prof.functionEvents.map((event) => event.name);

describe("T17 profiler", () => {
  test("testProfiler", () => {
    const x = torch.randn(10, 10);
    const prof = profile(() => {
      expect(profiler.profilerEnabled()).toBe(true);
      x.mul(2).add(4);
    });
    expect(profiler.profilerEnabled()).toBe(false);
    expect(names(prof)).toEqual(["aten::mul", "aten::add"]);
    x.mul(2);
    expect(names(prof)).toHaveLength(2);
  });

  test("testProfilerSeqNr", () => {
    const prof = profile(() => {
      const x = torch.randn([10, 10], { requiresGrad: true });
      const y = torch.randn([10, 10], { requiresGrad: true });
      torch.empty(3);
      const z = x.add(y);
      z.sum().backward();
    });
    const events = prof.functionEvents;
    for (const [forward, backward] of [
      ["aten::add", "AddBackward0"],
      ["aten::sum", "SumBackward0"],
    ] as const) {
      const found = events.filter(({ name }) => name === forward || name.endsWith(backward));
      expect(found.map(({ name }) => name)).toEqual([
        forward,
        `autograd::engine::evaluate_function: ${backward}`,
        backward,
      ]);
      expect(found[0]!.sequenceNr).toBeGreaterThanOrEqual(0);
      expect(found[1]!.sequenceNr).toBe(found[0]!.sequenceNr);
      expect(found[2]!.sequenceNr).toBe(found[0]!.sequenceNr);
      expect(found[0]!.fwdThread).toBe(0);
      expect(found[1]!.fwdThread).toBe(found[0]!.thread);
    }
    expect(events.filter(({ name }) => name.includes("AccumulateGrad"))).toHaveLength(4);
    expect(events.find(({ name }) => name === "aten::empty")!.sequenceNr).toBe(-1);
  });

  test("testRecordFunctionCallbacks", () => {
    const x = torch.randn(10, 10);
    const prof = profile(() => recordFunction("foo", () => void x.mul(2).add(4)));
    const foo = prof.functionEvents.find((event) => event.name.includes("foo"))!;
    expect(foo.count).toBe(1);
    expect(foo.cpuChildren.map((event) => event.name)).toEqual(["aten::mul", "aten::add"]);
  });

  test("testRecordFunction", () => {
    const forward = (x: torch.Tensor): torch.Tensor => {
      const y = recordFunction("outer", () => {
        const z = x.mul(2).add(4);
        return recordFunction("inner", () => z.sub(1));
      });
      return y.div(1);
    };
    const x = torch.randn(10, 10);
    forward(x);
    const prof = profile(() => forward(x));
    expect(names(prof)).toEqual([
      "outer",
      "aten::mul",
      "aten::add",
      "inner",
      "aten::sub",
      "aten::div",
    ]);
    const f = recordFunction.wrap("my_func", (a: number, b: number) => a + b);
    const second = profile(() => f(1, 2));
    expect(String(second)).toContain("my_func");
    expect(second.value).toBe(3);
  });

  test("testRecordFunctionMultithreaded", () => {
    const prof = profile();
    const outer = recordFunction("outer");
    recordFunction("inner", () => outer[Symbol.dispose]());
    const late = recordFunction("inner", () => recordFunction("outer"));
    late[Symbol.dispose]();
    late[Symbol.dispose]();
    prof.stop();
    expect(names(prof)).toEqual(["outer", "inner", "inner", "outer"]);
  });

  test("testProfilerAggregationFake", () => {
    let last = 0;
    const threads: readonly (readonly [number, readonly (readonly [number, number])[]])[] = [
      [
        1,
        [
          [0, 1],
          [1, 2],
        ],
      ],
      [
        0,
        [
          [0, 2],
          [1, 2],
          [1, 3],
        ],
      ],
    ];
    const events = threads.flatMap(([thread, ranges]) =>
      ranges.map(
        ([startUs, endUs]) => new FunctionEvent({ id: ++last, name: "", thread, startUs, endUs }),
      ),
    );
    profiler.populateCpuChildren(events);
    // [1, 3] pushes out [0, 2] first; then [1, 2] is a child of [1, 3].
    expect(events.map((event) => event.cpuChildren.map(({ id }) => id))).toEqual([
      [],
      [],
      [],
      [],
      [4],
    ]);
  });

  test("testProfilerAggregationTable", () => {
    const x = torch.randn(1024);
    const prof = profile(() => torch.einsum("i->", x));
    expect(prof.table()).toBe(String(prof));
    expect(prof.table()).toContain("aten::einsum");
  });

  test("testProfilerFunctionEventAvg", () => {
    const average = new FunctionEventAvg();
    average.add(new FunctionEvent({ id: 0, name: "foo", startUs: 10, endUs: 15 }));
    average.add(new FunctionEvent({ id: 1, name: "foo", startUs: 20, endUs: 30 }));
    average.add(average);
    expect(average.key).toBe("foo");
    expect(average.count).toBe(4);
    expect(average.cpuTimeTotal).toBe(30);
    expect(average.selfCpuTimeTotal).toBe(30);
    expect(average.cpuTime).toBe(7.5);
  });

  test("testProfilerShapes", () => {
    const layer1 = new torch.nn.Linear(20, 30);
    const layer2 = new torch.nn.Linear(30, 40);
    const input = torch.randn(128, 20);
    const prof = profile({ recordShapes: true }, () => layer2(layer1(input)));
    const linear = prof.functionEvents.filter(({ name }) => name === "aten::linear");
    expect(linear.map((event) => event.inputShapes)).toEqual([
      [[128, 20], [30, 20], [30]],
      [[128, 30], [40, 30], [40]],
    ]);
    expect(profile(() => layer1(input)).functionEvents[0]!.inputShapes).toEqual([]);
  });

  test("testProfilerAggregationLstm", () => {
    const [gates, hidden] = [new torch.nn.Linear(30, 80), 20];
    const cell = (
      x: torch.Tensor,
      h: torch.Tensor,
      c: torch.Tensor,
    ): [torch.Tensor, torch.Tensor] => {
      const [i, f, g, o] = gates(torch.cat([x, h], 1)).chunk(4, 1) as [
        torch.Tensor,
        torch.Tensor,
        torch.Tensor,
        torch.Tensor,
      ];
      const next = f.sigmoid().mul(c).add(i.sigmoid().mul(g.tanh()));
      return [o.sigmoid().mul(next.tanh()), next];
    };
    const prof = profile({ recordShapes: true }, () => {
      for (let round = 0; round < 20; round++) {
        let [h, c] = [torch.zeros(3, hidden), torch.zeros(3, hidden)];
        for (let t = 0; t < 5; t++) [h, c] = cell(torch.randn(3, 10), h, c);
      }
    });
    const lines = (text: string): string[] => text.split("\n");
    const table = prof.table({ sortBy: "selfCpuTimeTotal", rowLimit: 10, header: "TEST" });
    expect(lines(table)[0]).toBe("TEST");
    expect(lines(table)).toHaveLength(1 + 3 + 10 + 2 + 1);
    const groups = prof.keyAverages({ groupByInputShape: true });
    expect(groups.find(({ key }) => key === "aten::tanh")!.count).toBe(200);
    expect(groups.table({ sortBy: "selfCpuTimeTotal", rowLimit: 10 })).toContain("[3,20]");
    const top = groups.table({ sortBy: "count", rowLimit: -1, topLevelEventsOnly: true });
    expect(top).toContain("aten::linear");
    expect(top).not.toMatch(/^aten::slice/m);
    const shown = Math.max(
      ...lines(table)
        .slice(1)
        .map((line) => line.length),
    );
    expect(shown).toBeLessThan(300);
    expect(prof.selfCpuTimeTotal).toBeGreaterThan(0);
    const trace = JSON.parse(prof.exportChromeTrace()) as { traceEvents: { name: string }[] };
    expect(trace.traceEvents).toHaveLength(prof.functionEvents.length);
  });
});

describe("the profiler, beyond PyTorch's tests", () => {
  test("links operations to their backward in the trace", () => {
    const x = torch.ones([2], { requiresGrad: true });
    const prof = profile(() => x.exp().sum().backward());
    const { traceEvents } = JSON.parse(prof.exportChromeTrace()) as {
      traceEvents: { ph: string; id?: number; ts: number }[];
    };
    const starts = traceEvents.filter(({ ph }) => ph === "s");
    const ends = traceEvents.filter(({ ph }) => ph === "f");
    expect(new Set(starts.map(({ id }) => id))).toEqual(new Set(ends.map(({ id }) => id)));
    expect(starts).toHaveLength(2);
    for (const { id, ts } of starts) expect(ends.find((e) => e.id === id)!.ts).toBeGreaterThan(ts);
  });

  test("counts bytes, keeps lines, and leaves nothing behind", () => {
    const prof = profile({ profileMemory: true, withStack: true }, () => torch.ones(100).mul(2));
    const [, mul] = prof.functionEvents;
    expect(mul!.cpuMemoryUsage).toBe(400);
    expect(mul!.stack[0]).toContain("profiler.test.ts");
    expect(prof.table()).toContain("400 B");
    expect(names(profile({ enabled: false }, () => torch.ones(1).mul(2)))).toEqual([]);
  });

  test("names custom functions by their class", () => {
    class Twice extends torch.autograd.Function {
      static forward(_ctx: torch.autograd.FunctionContext, x: torch.Tensor): torch.Tensor {
        return x.mul(2);
      }
      static backward(_ctx: torch.autograd.FunctionContext, g: torch.Tensor): torch.Tensor {
        return g.mul(2);
      }
    }
    const x = torch.ones([2], { requiresGrad: true });
    const prof = profile(() => Twice.apply(x).sum().backward());
    const [twice] = prof.functionEvents;
    expect(twice!.name).toBe("Twice");
    expect(twice!.cpuChildren.map(({ name }) => name)).toEqual(["aten::mul"]);
    expect(prof.functionEvents.find(({ name }) => name === "TwiceBackward")!.sequenceNr).toBe(
      twice!.sequenceNr,
    );
  });

  test("a profile inside another sees its own part, and an error ends both", () => {
    const inner: string[] = [];
    const outer = profile(() => {
      torch.ones(1).neg();
      inner.push(...names(profile(() => torch.ones(1).abs())));
    });
    expect(inner).toEqual(["aten::ones", "aten::abs"]);
    expect(names(outer)).toEqual(["aten::ones", "aten::neg", "aten::ones", "aten::abs"]);
    const failing = (): unknown =>
      profile(() => {
        throw new RangeError("stop");
      });
    expect(failing).toThrow(/^stop$/);
    expect(profiler.profilerEnabled()).toBe(false);
  });

  test("averages are a list that prints itself, and sorts by what there is", () => {
    const averages = profile(() => torch.ones(2).mul(2).mul(2)).keyAverages();
    expect(averages).toBeInstanceOf(EventList);
    expect(String(averages)).toMatch(/aten::mul +\S+ +\S+ +\S+ +\S+ +\S+ +2$/m);
    expect(() => averages.table({ sortBy: "cpuTimeTotl" as never })).toThrow(/did you mean/);
    expect(() => profile({ recordShape: true } as never)).toThrow(/did you mean "recordShapes"/);
    expect(() => profile(3 as never)).toThrow(/expected options or a function/);
    expect(() => profile(() => Promise.resolve())).toThrow(/returned a promise/);
    expect(() => recordFunction(3 as never, () => 1)).toThrow(/expected a name/);
  });
});
