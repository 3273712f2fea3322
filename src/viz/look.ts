// How boxes look, the same in every drawing.

/** What a box stands for; `rest` for what a drawing leaves out. */
export type BoxKind = "leaf" | "operation" | "saved" | "result" | "rest";

export interface Look {
  /** Graphviz's name of the shape, and its style. */
  readonly shape: string;
  readonly style: string;
  readonly fill: string;
  readonly line: string;
  readonly meaning: string;
}

export const looks: Readonly<Record<BoxKind, Look>> = {
  leaf: {
    shape: "box",
    style: "filled",
    fill: "#dbeafe",
    line: "#2563eb",
    meaning: "leaf: its gradient is accumulated",
  },
  operation: {
    shape: "box",
    style: "filled,rounded",
    fill: "#f1f5f9",
    line: "#64748b",
    meaning: "operation",
  },
  saved: {
    shape: "note",
    style: "filled",
    fill: "#fef3c7",
    line: "#d97706",
    meaning: "value saved for the backward pass",
  },
  result: {
    shape: "box",
    style: "filled,bold",
    fill: "#dcfce7",
    line: "#16a34a",
    meaning: "result",
  },
  rest: {
    shape: "box",
    style: "filled,dashed",
    fill: "#ffffff",
    line: "#64748b",
    meaning: "operations that are not shown",
  },
};

/** Sizes as `2 × 3`. */
export function sizesText(sizes: readonly number[]): string {
  return sizes.length === 0 ? "scalar" : sizes.join(" × ");
}

/** Text inside SVG or HTML. */
export function marked(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
