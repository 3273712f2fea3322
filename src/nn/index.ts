// torch.nn: modules, and their functional forms.
export * as functional from "./functional.ts";
