// torch.viz: pictures of graphs and of training.
export { type ChartOptions, lineChart, type Series } from "./chart.ts";
export { toDot, toSvg } from "./dot.ts";
export type { Block, Drawing, DrawnArrow, FoldOptions } from "./fold.ts";
export {
  type GraphArrow,
  type GraphBox,
  graphOf,
  type GraphOptions,
  type Names,
  type TensorGraph,
} from "./graph.ts";
export type { BoxKind } from "./look.ts";
export { graph, GraphPicture, type PictureOptions, recordLines } from "./picture.ts";
