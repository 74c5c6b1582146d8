/** The client of Lovage: send tasks, wait for results, see and steer workers. */
export type { Administration, Steering } from './administer.ts'
export { type Client, type ClientOptions, createClient } from './client.ts'
export { type Flow, type FlowNode, type From, from, type NodeOptions, type SentFlow, type Source } from './flow.ts'
export { chain, chord, group, type Plan, type Previous, previous, type Step, step } from './plan.ts'
export type { ClientSchedules, ScheduleOptions } from './schedule-options.ts'
export type { SentPlan } from './send-plan.ts'
export type { CheckedRequest, HandleOf, SendArguments, SendRequest } from './sender.ts'
export { resultOf, type TaskHandle, type WaitOptions } from './task-handle.ts'
