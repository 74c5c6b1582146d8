/** The words of the wire between a gateway and its workers. */
export type { CancelFrame, HeartbeatAnswer, HeartbeatFrame, ProgressFrame } from './wire/held-run.ts'
export { limits } from './wire/limits.ts'
export { eventNames } from './wire/names.ts'
export {
  type ConnectRefusal,
  type Pause,
  protocolVersion,
  type RegistrationAnswer,
  type RegistrationOptions,
} from './wire/registration.ts'
export type { DoneFrame, FailFrame, SettlementAnswer } from './wire/settlement.ts'
export type { CapacityFrame, DrainAnswer, DrainFrame } from './wire/standing.ts'
export type { TaskAnswer, TaskFrame } from './wire/task.ts'
