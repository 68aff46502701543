/** @quorate/linearizability: is a concurrent history linearizable, and if not, where does it contradict itself? */

export { type CheckResult, check, checkCalls, type Failure, type Verdict } from "./check.js";
export { type Explanation, explain } from "./explain.js";
export { callsOf, HistoryError, type HistoryEvent, type HistoryOperation } from "./history.js";
export { type Call, type CompiledModel, type Decision, ILLEGAL, illegal, type Model, NOTHING } from "./model.js";
export { counter } from "./models/counter.js";
export {
  type HistoryModel,
  inferInit,
  inferModel,
  isModelName,
  type ModelName,
  modelNamed,
  modelNames,
} from "./models/infer.js";
export { kvAppend } from "./models/kv-append.js";
export { listAppendTxn } from "./models/list-append.js";
export { multiRegister } from "./models/multi-register.js";
export { casRegister, mutex, register } from "./models/register.js";
export { set } from "./models/set.js";
export { parseHistory } from "./parse.js";
export { drawPicture, type PictureOptions } from "./picture/draw.js";
export type { Limit, Limits } from "./search/budget.js";
