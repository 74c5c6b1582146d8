/** Sending: requests become messages, messages go to the broker in one atomic call, receipts become handles. */
import {
  type AnyTask,
  type Broker,
  type Clock,
  checkOptionNames,
  type OptionNames,
  type SendOptions,
  type SendReceipt,
  type TaskBus,
  type TaskDefinition,
  type TaskMessage,
  taskMessage,
  validate,
} from '@lovage/core'
import { SentTask, type TaskHandle } from './task-handle.ts'

/** What sending needs of its surroundings. @internal */
export interface SenderContext {
  readonly broker: Pick<Broker, 'tasks' | 'results'>
  /** Where tasks are sent, if not to the broker's task bus. */
  readonly bus?: Pick<TaskBus, 'send'> | undefined
  readonly clock: Pick<Clock, 'now'>
  readonly newId: () => string
}

/** One request of a `sendMany` call. */
export interface SendRequest {
  readonly task: AnyTask | string
  readonly input?: unknown
  readonly options?: SendOptions | undefined
}

const requestNames: OptionNames<SendRequest> = { task: true, input: true, options: true }

/** A request whose input is checked against its definition. */
export type CheckedRequest<Request extends SendRequest> =
  Request['task'] extends TaskDefinition<infer Sent, unknown> ? Request & { readonly input?: Sent } : Request

/** The handle that a request gets. */
export type HandleOf<Request extends SendRequest> =
  Request['task'] extends TaskDefinition<never, infer Output> ? TaskHandle<Output> : TaskHandle

/** Input and options of a send; the input may be left out where the definition takes undefined. */
export type SendArguments<Sent, Options> = undefined extends Sent
  ? [input?: Sent, options?: Options]
  : [input: Sent, options?: Options]

/**
 * Validates where there is something to validate; undefined means that there is not, so that nobody awaits. What is sent
 * stays the sender's value: the run validates it again, and a schema that transforms must see the original both times.
 * @internal
 */
export function validation({ task, input, options }: SendRequest): Promise<unknown> | undefined {
  if (typeof task === 'string' || task.input === undefined) return undefined
  if (options !== undefined && input === undefined && (options.bind ?? options.args ?? options.kwargs) !== undefined)
    return undefined
  return validate(task.input, input, { code: 'INPUT_INVALID', task: task.name })
}

/** Sends one task. Everything that can be wrong with it comes as a rejection. @internal */
export function sendOne(context: SenderContext, request: SendRequest): Promise<TaskHandle> {
  try {
    const { broker, bus = broker.tasks, clock, newId } = context
    const message = taskMessage(request.task, request.input, request.options, { now: clock.now(), newId })
    const valid = validation(request)
    const sent = valid === undefined ? bus.send([message]) : valid.then(() => bus.send([message]))
    return sent.then((receipts) => handleFor(broker, message, receipts[0]))
  } catch (error) {
    return Promise.reject(error)
  }
}

/** Sends all of them or none. @internal */
export async function sendAll(context: SenderContext, requests: readonly SendRequest[]): Promise<readonly TaskHandle[]> {
  if (requests.length === 0) return []
  const { broker, bus = broker.tasks, clock, newId } = context
  for (const request of requests) checkOptionNames(request, requestNames, 'a request of sendMany')
  const surroundings = { now: clock.now(), newId }
  const messages = requests.map(({ task, input, options }) => taskMessage(task, input, options, surroundings))
  await Promise.all(requests.map(validation).filter((valid) => valid !== undefined))
  const receipts = await bus.send(messages)
  return messages.map((message, index) => handleFor(broker, message, receipts[index]))
}

function handleFor(broker: SenderContext['broker'], message: TaskMessage, receipt: SendReceipt | undefined): TaskHandle {
  return new SentTask(broker, receipt?.id ?? message.id, receipt?.status ?? 'sent')
}
