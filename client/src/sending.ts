/** The verbs of sending: one task, many, flows. Directly, or in a transaction of the caller's. */
import { ConfigError, type SendOptions, shown, type TaskDefinition } from '@lovage/core'
import { createFlow, type Flow } from './flow.ts'
import type { Plan } from './plan.ts'
import { type SentPlan, sendPlan } from './send-plan.ts'
import {
  type CheckedRequest,
  type HandleOf,
  type SendArguments,
  type SenderContext,
  type SendRequest,
  sendAll,
  sendOne,
} from './sender.ts'
import type { TaskHandle } from './task-handle.ts'

/** Whoever takes tasks. */
export interface Sending {
  /**
   * Sends one task; resolves when it is safe with the broker. Concurrent calls are batched below.
   * @throws {TaskError} INPUT_INVALID, INPUT_UNSERIALIZABLE, TASK_CONFLICT, KEY_CONFLICT, DEPENDENCY_UNKNOWN
   * @throws {ConfigError} OPTION_INVALID, DURATION_INVALID, NAME_INVALID
   */
  send<Sent, Output>(
    definition: TaskDefinition<Sent, Output>,
    ...rest: SendArguments<Sent, SendOptions>
  ): Promise<TaskHandle<Output>>
  send<Output = unknown>(name: string, input?: unknown, options?: SendOptions): Promise<TaskHandle<Output>>
  /** Sends many tasks in one atomic call: all or none. One handle per request, in order. */
  sendMany<const Requests extends readonly SendRequest[]>(
    requests: Requests & { readonly [Index in keyof Requests]: CheckedRequest<Requests[Index]> },
  ): Promise<{ -readonly [Index in keyof Requests]: HandleOf<Requests[Index]> }>
  /** Begins a flow: tasks that wait for tasks. Its id is made unless it is given. */
  flow(id?: string): Flow
  /** Sends a plan made of `chain`, `group` and `chord` as one flow, all or none. */
  sendFlow<Output>(plan: Plan<undefined, Output>): Promise<SentPlan<Output>>
}

/** @internal */
export function sending(context: SenderContext): Sending {
  const verbs = {
    send: (task: SendRequest['task'], input?: unknown, options?: SendOptions) => sendOne(context, { task, input, options }),
    sendMany: (requests: readonly SendRequest[]) => sendAll(context, requests),
    flow: (id?: string) => createFlow(context, id),
    sendFlow: (plan: Plan) => sendPlan(createFlow(context), plan),
  }
  return verbs as unknown as Sending
}

/** Sends in a transaction of the caller's. @internal */
export function sendingWithin(context: SenderContext, transaction: object): Sending {
  const { tasks } = context.broker
  if (typeof transaction !== 'object' || transaction === null) {
    const message = `expected what stands for a transaction, as a client of \`pg\` does, got: ${shown(transaction)}`
    throw new ConfigError('TRANSACTION_UNUSABLE', message)
  }
  if (tasks.within === undefined) {
    throw new ConfigError('UNSUPPORTED', 'expected a broker that takes part in transactions, as the queue on PostgreSQL does')
  }
  return sending({ ...context, bus: tasks.within(transaction) })
}
