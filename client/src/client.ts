/** The client: a broker with the verbs of those who send, watch and steer. */
import {
  type Broker,
  type Clock,
  checkId,
  checkOptionNames,
  type OptionNames,
  type SendOptions,
  type TaskDefinition,
} from '@lovage/core'
import { type Administration, administration, type Steering, steering } from './administer.ts'
import { createFlow, type Flow } from './flow.ts'
import { createNewId } from './new-id.ts'
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
import { SentTask, type TaskHandle } from './task-handle.ts'

/** A broker that can be spoken to. It is one itself, so that a worker takes it as it is. */
export interface Client extends Broker, Administration, Steering {
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
  /** A handle for a task that was sent before, here or elsewhere. Asks nobody. @throws {ConfigError} NAME_INVALID */
  task<Output = unknown>(id: string): TaskHandle<Output>
  /** Begins a flow: tasks that wait for tasks. Its id is made unless it is given. */
  flow(id?: string): Flow
  /** Sends a plan made of `chain`, `group` and `chord` as one flow, all or none. */
  sendFlow<Output>(plan: Plan<undefined, Output>): Promise<SentPlan<Output>>
}

/** What `createClient` takes beside the broker. */
export interface ClientOptions {
  /** Default: the system's. */
  readonly clock?: Pick<Clock, 'now'> | undefined
  /** Makes task ids. Default: UUIDv7. */
  readonly newId?: (() => string) | undefined
}

const optionNames: OptionNames<ClientOptions> = { clock: true, newId: true }

/** Makes a client of a broker. Closing the client closes the broker. */
export function createClient(broker: Broker, options: ClientOptions = {}): Client {
  checkOptionNames(options, optionNames, 'createClient')
  const clock = options.clock ?? Date
  const context: SenderContext = { broker, clock, newId: options.newId ?? createNewId(clock) }
  const client = {
    ...administration(broker),
    ...steering(broker),
    name: broker.name,
    tasks: broker.tasks,
    control: broker.control,
    events: broker.events,
    results: broker.results,
    admin: broker.admin,
    close: () => broker.close(),
    send: (task: SendRequest['task'], input?: unknown, sendOptions?: SendOptions) =>
      sendOne(context, { task, input, options: sendOptions }),
    sendMany: (requests: readonly SendRequest[]) => sendAll(context, requests),
    task: (id: string) => new SentTask(broker, checkId(id), 'existing'),
    flow: (id?: string) => createFlow(context, id),
    sendFlow: (plan: Plan) => sendPlan(createFlow(context), plan),
  }
  return client as unknown as Client
}
