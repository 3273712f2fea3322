// Scalar expressions: what a pointwise operation computes for one element, as data.
// Equal expressions are the same object, so common parts are shared and compared by identity.

export type Expression = Leaf | Constant | Call;

/** The value of a tensor operand, of a plain-number operand, of the operation's own result, or the incoming gradient. */
export interface Leaf {
  readonly kind: "input" | "scalar" | "result" | "gradient";
  readonly index: number;
  readonly id: number;
}
export interface Constant {
  readonly kind: "constant";
  readonly value: number;
  readonly id: number;
}
export interface Call {
  readonly kind: "call";
  readonly name: string;
  readonly operands: readonly Expression[];
  readonly id: number;
}

const interned = new Map<string, Expression>();

function intern<E extends Expression>(key: string, make: (id: number) => E): E {
  let found = interned.get(key);
  if (found === undefined) interned.set(key, (found = make(interned.size)));
  return found as E;
}

/** The element of tensor operand `index`. */
export const input = (index: number): Expression => leaf("input", index);
/** The plain-number operand `index`. */
export const scalar = (index: number): Expression => leaf("scalar", index);
/** The result of the operation whose derivative is written. */
export const result: Expression = leaf("result", 0);
/** The gradient that arrives at the operation whose derivative is written. */
export const gradient: Expression = leaf("gradient", 0);

function leaf(kind: Leaf["kind"], index: number): Expression {
  return intern(`${kind}${index}`, (id) => ({ kind, index, id }));
}

export function constant(value: number): Expression {
  return intern(`=${Object.is(value, -0) ? "-0" : value}`, (id) => ({
    kind: "constant",
    value,
    id,
  }));
}

const isConstant = (e: Expression, value: number): boolean =>
  e.kind === "constant" && Object.is(e.value, value);

/** Applies a scalar function, folding the identities that are exact for every value, NaN and infinity included. */
export function call(name: string, ...operands: readonly (Expression | number)[]): Expression {
  const [a, b] = operands.map((o) => (typeof o === "number" ? constant(o) : o)) as [
    Expression,
    Expression,
  ];
  if (name === "mul" && isConstant(b, 1)) return a;
  if (name === "mul" && isConstant(a, 1)) return b;
  if (name === "div" && isConstant(b, 1)) return a;
  if (name === "neg" && a.kind === "call" && a.name === "neg") return a.operands[0]!;
  const all = operands.map((o) => (typeof o === "number" ? constant(o) : o));
  return intern(`${name}(${all.map((o) => o.id).join()})`, (id) => ({
    kind: "call",
    name,
    operands: all,
    id,
  }));
}

/** Every distinct expression below and including these, operands before users. */
export function postorder(roots: readonly Expression[]): Expression[] {
  const order: Expression[] = [];
  const seen = new Set<Expression>();
  const visit = (e: Expression): void => {
    if (seen.has(e)) return;
    seen.add(e);
    if (e.kind === "call") e.operands.forEach(visit);
    order.push(e);
  };
  roots.forEach(visit);
  return order;
}

/** The expression with leaves replaced; `replace` returns undefined for what stays. */
export function substitute(
  root: Expression,
  replace: (e: Expression) => Expression | undefined,
): Expression {
  const done = new Map<Expression, Expression>();
  for (const e of postorder([root])) {
    const own = replace(e);
    if (own !== undefined) done.set(e, own);
    else if (e.kind === "call") {
      const operands = e.operands.map((o) => done.get(o)!);
      done.set(e, operands.every((o, i) => o === e.operands[i]) ? e : call(e.name, ...operands));
    } else done.set(e, e);
  }
  return done.get(root)!;
}
