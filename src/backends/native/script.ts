// Programs printed as JavaScript, for tensors of a few elements: a call into the addon costs more than computing those.
import type { Operand } from "../../core/backend.ts";
import { float32, float64 } from "../../core/dtype.ts";
import type { TypedProgram } from "../../core/program.ts";
import { functionOf } from "../../core/scalar.ts";
import { isSeen, placeOf } from "./memory.ts";

/** Computes a program where all operands lie in memory that JavaScript sees, dense or single; else false, and nothing done. */
export type MapScript = (
  output: Operand,
  inputs: readonly Operand[],
  scalars: readonly number[],
) => boolean;

/** The same for the sum of a program's values over `count` elements, divided. */
export type SumScript = (
  output: Operand,
  inputs: readonly Operand[],
  scalars: readonly number[],
  count: number,
  divisor: number,
) => boolean;

/** What a program is in JavaScript; null where the kernels' result may differ in its last bit, or code may not be made from text. */
export interface Scripts {
  readonly map: MapScript | null;
  readonly sum: SumScript | null;
}

// About where a call into the addon starts to be cheaper, in instructions times elements.
const mostSteps = 64;
/** Larger tensors are not tried. */
export const mostElements = 16;

const infix: Readonly<Record<string, string>> = { add: "+", sub: "-", mul: "*", div: "/" };

const none: Scripts = { map: null, sum: null };

/**
 * Prints a program of exact functions on one floating type: those have the same bits here as in the kernels, so that neither layout nor
 * place decides about a value. Each instruction is rounded to the program's type, as kernels do.
 */
export function scriptsOf(typed: TypedProgram): Scripts {
  const { program, compute, inputs, outputs } = typed;
  const uniform = [...inputs, ...outputs].every((dtype) => dtype === compute);
  if (!uniform || outputs.length !== 1 || (compute !== float32 && compute !== float64)) return none;
  if (!program.instructions.every(({ name }) => functionOf(name).exact)) return none;
  const single = compute === float32;
  const round = (text: string): string => (single ? `fround(${text})` : text);
  const { inputCount, scalarCount, constants, instructions } = program;
  const slots = [
    ...inputs.map((_, k) => `x${k}`),
    ...Array.from({ length: scalarCount }, (_, k) => `s${k}`),
    ...constants.map((_, k) => `c${k}`),
    ...Array.from({ length: program.registerCount }, (_, k) => `r${k}`),
  ];
  const registers = slots.slice(inputCount + scalarCount + constants.length);
  const names = [...new Set(instructions.map(({ name }) => name))].filter((n) => !(n in infix));
  const functions = names.map((name) => {
    const { evaluate, single: own } = functionOf(name);
    return single ? (own ?? evaluate) : evaluate;
  });
  const array = single ? "singles" : "doubles";
  const place = (operand: string): string => `placeOf(${operand}, ${single ? 2 : 3})`;
  const unseen = (operand: string): string => `!isSeen(${operand}.storage)`;
  const loads = inputs.flatMap((_, k) => [
    `const o${k} = inputs[${k}];`,
    `if (${unseen(`o${k}`)} || (o${k}.count !== 1 && (o${k}.count !== count || !o${k}.dense))) return false;`,
    `const m${k} = o${k}.storage.memory.${array}, d${k} = o${k}.count === 1 ? 0 : 1;`,
    `let p${k} = ${place(`o${k}`)};`,
  ]);
  const numbers = [
    ...Array.from({ length: scalarCount }, (_, k) => `const s${k} = ${round(`scalars[${k}]`)};`),
    ...constants.map((_, k) => `const c${k} = ${round(`constants[${k}]`)};`),
  ];
  const steps = instructions.map(({ name, destination, operands }) => {
    const given = operands.map((slot) => slots[slot]!);
    const operator = infix[name];
    const text = operator === undefined ? `${name}(${given.join()})` : given.join(` ${operator} `);
    return `${slots[destination]!} = ${round(text)};`;
  });
  const loop = [
    ...(registers.length > 0 ? [`let ${registers.map((r) => `${r} = 0`).join()};`] : []),
    `for (let i = 0; i < count; i++) {`,
    ...inputs.map((_, k) => `const x${k} = m${k}[p${k}]; p${k} += d${k};`),
    ...steps,
  ];
  const value = slots[program.outputs[0]!]!;
  const most = Math.min(mostElements, Math.floor(mostSteps / Math.max(1, instructions.length)));
  const check = `if (count > ${most} || !output.dense || ${unseen("output")}) return false;`;
  const target = [`const memory = output.storage.memory.${array};`, `let at = ${place("output")};`];
  const map = [
    `const count = output.count;`,
    check,
    ...loads,
    ...numbers,
    ...target,
    ...loop,
    `memory[at++] = ${value};`,
    `}`,
    `return true;`,
  ];
  const sum = [
    check,
    ...loads,
    ...numbers,
    ...target,
    `let sum = 0;`,
    ...loop,
    `sum += ${value};`,
    `}`,
    `memory[at] = sum / divisor;`,
    `return true;`,
  ];
  // The kernels add float32 in double precision as well; sums of float64 depend on their order.
  const text = `"use strict"; return {
    map: (output, inputs, scalars) => {\n${map.join("\n")}\n},
    sum: ${single ? `(output, inputs, scalars, count, divisor) => {\n${sum.join("\n")}\n}` : "null"},
  };`;
  try {
    // The text is made of names of scalar functions and slot numbers alone.
    // oxlint-disable-next-line typescript/no-implied-eval
    const make = new Function("fround", "constants", "isSeen", "placeOf", ...names, text) as (
      ...parts: readonly unknown[]
    ) => Scripts;
    return make(Math.fround, constants, isSeen, placeOf, ...functions);
  } catch {
    return none;
  }
}
