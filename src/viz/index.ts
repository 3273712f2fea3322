// torch.viz: pictures of graphs and of training.
export { type ChartOptions, lineChart, type Series } from "./chart.ts";
export { toDot, toSvg } from "./dot.ts";
export {
  type BoxKind,
  type GraphArrow,
  type GraphBox,
  graphOf,
  type GraphOptions,
  type TensorGraph,
} from "./graph.ts";
