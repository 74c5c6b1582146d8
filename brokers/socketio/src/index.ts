/** The gateway, and the words of the wire between it and its workers. */
export type { Admission, Admit, Refusal, Visitor } from './gateway/admission.ts'
export type { DoorOptions } from './gateway/front-door.ts'
export { createGateway, type Gateway, type GatewayOptions } from './gateway/gateway.ts'
export type { SessionInfo } from './gateway/session-info.ts'
export type { GatewayLimits } from './gateway/settings.ts'
export type { PingOptions } from './gateway/socket-server.ts'
export {
  type PausedWorker,
  type PauseHome,
  type PauseOptions,
  socketWorkerId,
  type WorkerPauses,
  workerPauses,
} from './gateway/worker-pauses.ts'
export type { Pass } from './tokens/pass.ts'
export { type TokenHome, type TokenInfo, type TokenOptions, type WorkerTokens, workerTokens } from './tokens/worker-tokens.ts'
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
export { createSocketBroker, type SocketBrokerOptions } from './worker-broker/socket-broker.ts'
