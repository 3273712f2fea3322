// Who watches operations, nodes and passes at work: debugging modes and the profiler. Nobody, as a rule, and that costs one check.

/** What observers see of a node. While it is being made only its number is known. */
export interface ObservedNode {
  readonly name: string;
  readonly sequence: number;
}

/** What one observer wants to see. Each `proceed` must be called exactly once. */
export interface Observer {
  /** A node is being made. */
  created?(node: ObservedNode): void;
  /** A backward pass comes to a node: its hooks, and its rule. */
  visit?(node: ObservedNode, proceed: () => void): void;
  /** A node's rule runs. */
  run?(node: ObservedNode, proceed: () => void): void;
  /** What a node sends on, after its hooks: one gradient, or null, for each edge. */
  computed?(node: ObservedNode, results: readonly unknown[]): void;
  /** An operation is called. */
  call?(name: string, args: readonly unknown[], proceed: () => unknown): unknown;
}

/** The observers of now; null where nobody asks. A mutable record rather than variables, so that hot paths read it without a call. */
export const observation: {
  created: ((node: ObservedNode) => void) | null;
  visit: ((node: ObservedNode, proceed: () => void) => void) | null;
  pass: {
    run(node: ObservedNode, proceed: () => void): void;
    computed(node: ObservedNode, results: readonly unknown[]): void;
  } | null;
  call: ((name: string, args: readonly unknown[], proceed: () => unknown) => unknown) | null;
} = { created: null, visit: null, pass: null, call: null };

const observers: Observer[] = [];

function around(
  list: readonly ((node: ObservedNode, proceed: () => void) => void)[],
): (node: ObservedNode, proceed: () => void) => void {
  return (node, proceed) =>
    list.reduce<() => void>((inner, outer) => () => outer(node, inner), proceed)();
}

function refresh(): void {
  const created = observers.flatMap((o) => (o.created ? [o.created.bind(o)] : []));
  const visit = observers.flatMap((o) => (o.visit ? [o.visit.bind(o)] : []));
  const run = observers.flatMap((o) => (o.run ? [o.run.bind(o)] : []));
  const computed = observers.flatMap((o) => (o.computed ? [o.computed.bind(o)] : []));
  const call = observers.flatMap((o) => (o.call ? [o.call.bind(o)] : []));
  observation.created = created.length === 0 ? null : (node) => created.forEach((see) => see(node));
  observation.visit = visit.length === 0 ? null : around(visit);
  observation.pass =
    run.length + computed.length === 0
      ? null
      : {
          run: around(run),
          computed: (node, results) => computed.forEach((see) => see(node, results)),
        };
  observation.call =
    call.length === 0
      ? null
      : (name, args, proceed) =>
          call.reduce<() => unknown>((inner, outer) => () => outer(name, args, inner), proceed)();
}

/** Lets an observer see everything from now on; returns how to end that. The one that came last is outermost. */
export function observe(observer: Observer): () => void {
  observers.push(observer);
  refresh();
  return () => {
    const at = observers.indexOf(observer);
    if (at < 0) return;
    observers.splice(at, 1);
    refresh();
  };
}
