/** Flows: tasks that wait for tasks, built node by node and sent in one atomic call. */
import {
  type Bind,
  ConfigError,
  checkOptionNames,
  type OptionNames,
  type SendOptions,
  sendOptionNames,
  type TaskDefinition,
} from '@lovage/core'
import { type SendArguments, type SenderContext, type SendRequest, sendAll } from './sender.ts'
import type { TaskHandle } from './task-handle.ts'

/** A task of a flow that is not sent yet. Its id is fixed from the start. */
export interface FlowNode<Output = unknown> {
  readonly id: string
  /** Types only; never present at run time. */
  readonly '~output'?: Output
}

/** Something to wait for: a node of this flow, or a task that was sent before. */
export type Source<Output = unknown> = FlowNode<Output> | TaskHandle<Output>

type OutputOf<Node> = Node extends FlowNode<infer Output> ? Output : never

const bound = Symbol.for('lovage.from')

/** An input that is made from results when they are there. Made by `from`. */
export interface From<Value> {
  readonly [bound]: 'one' | 'all'
  readonly ids: readonly string[]
  /** Types only; never present at run time. */
  readonly '~value'?: Value
}

/**
 * Takes the input from a result, or from several: then it is the array of results, in order.
 * @example
 * const sizes = files.map((file) => flow.add(measure, { file }))
 * flow.add(sum, from(sizes))
 */
export function from<Output>(source: Source<Output>): From<Output>
export function from<const Sources extends readonly Source[]>(
  sources: Sources,
): From<{ -readonly [Index in keyof Sources]: OutputOf<Sources[Index]> }>
export function from(sources: Source | readonly Source[]): From<unknown> {
  const all = Array.isArray(sources) ? (sources as readonly Source[]) : undefined
  return all === undefined
    ? { [bound]: 'one', ids: [(sources as Source).id] }
    : { [bound]: 'all', ids: all.map((source) => source.id) }
}

/** What an input may be bound to: a result that is null is no input to its handler. */
type Bound<Sent> = undefined extends Sent ? NoInfer<Sent> | null : NoInfer<Sent>

function isFrom(input: unknown): input is From<unknown> {
  return typeof input === 'object' && input !== null && bound in input
}

/** Options of a node: those of `send`, with `after` for the tasks that come first. */
export interface NodeOptions extends Omit<SendOptions, 'dependencies' | 'bind' | 'flow'> {
  /** Tasks that must be over first, beside those that the input is made from. */
  readonly after?: readonly (Source | string)[] | undefined
}

const { dependencies, bind, flow, ...sendNames } = sendOptionNames
const nodeNames: OptionNames<NodeOptions> = { ...sendNames, after: true }

/** Builds a flow. A node can only wait for what exists, so there are no cycles. */
export interface Flow {
  readonly id: string
  /**
   * Adds a task; nothing is sent yet, and options are read when it is.
   * @throws {ConfigError} OPTION_INVALID for a name that is no option, and when `from` names a task twice
   */
  add<Sent, Output>(
    definition: TaskDefinition<Sent, Output>,
    ...rest: SendArguments<Sent | From<Bound<Sent>>, NodeOptions>
  ): FlowNode<Output>
  add<Output = unknown>(name: string, input?: unknown, options?: NodeOptions): FlowNode<Output>
  /**
   * Sends all of it or none. Sending the same flow again is harmless: its ids are fixed.
   * @throws {TaskError} INPUT_INVALID, TASK_CONFLICT, KEY_CONFLICT, DEPENDENCY_UNKNOWN, INPUT_UNSERIALIZABLE
   * @throws {ConfigError} OPTION_INVALID, DURATION_INVALID, NAME_INVALID
   */
  send(): Promise<SentFlow>
}

/** A flow that was sent. */
export interface SentFlow {
  readonly id: string
  /** One per node, in the order in which they were added. */
  readonly handles: readonly TaskHandle[]
  /** The handle of a node. */
  get<Output>(node: FlowNode<Output>): TaskHandle<Output>
  /**
   * Cancels whatever of it is not over; a task that stands in for a node because it holds its key is somebody else's and goes
   * on. Answers per node.
   */
  cancel(reason?: string): Promise<readonly boolean[]>
}

/** Begins a flow. @internal */
export function createFlow(context: SenderContext, id: string = context.newId()): Flow {
  const requests: SendRequest[] = []
  const ids: string[] = []
  const add = (task: SendRequest['task'], input?: unknown, options?: NodeOptions): FlowNode => {
    if (options !== undefined) checkOptionNames(options, nodeNames, 'a node')
    const nodeId = options?.id ?? context.newId()
    requests.push(nodeRequest(task, input, options, nodeId, id))
    ids.push(nodeId)
    return { id: nodeId }
  }
  const send = async (): Promise<SentFlow> => {
    const handles = await sendAll(context, requests)
    return sentFlow(context, id, new Map(ids.map((nodeId, index) => [nodeId, handles[index] as TaskHandle])))
  }
  return { id, add: add as Flow['add'], send }
}

function nodeRequest(
  task: SendRequest['task'],
  input: unknown,
  options: NodeOptions | undefined,
  id: string,
  flow: string,
): SendRequest {
  const { after = [], ...rest } = options ?? {}
  const first = isFrom(input) ? input : undefined
  const others = after.map((source) => (typeof source === 'string' ? source : source.id))
  if (first !== undefined) checkTaken(first.ids)
  // With nothing to wait for there is nothing to bind: the results of no tasks are the empty list.
  const empty = first !== undefined && first.ids.length === 0
  const dependencies = [...(first?.ids ?? []), ...others.filter((other) => !first?.ids.includes(other))]
  return {
    task,
    input: first === undefined ? input : empty ? [] : undefined,
    options: {
      ...rest,
      id,
      flow,
      ...(dependencies.length === 0 ? {} : { dependencies }),
      ...(first === undefined || empty ? {} : { bind: bindOf(first, dependencies.length) }),
    },
  }
}

/** A broker waits for each task once. */
function checkTaken(taken: readonly string[]): void {
  if (new Set(taken).size === taken.length) return
  throw new ConfigError('OPTION_INVALID', `expected \`from\` to name each task once, got: ${taken.join(', ')}`)
}

/** What a node only waits for stands behind what it takes. */
function bindOf({ ids, [bound]: many }: From<unknown>, dependencies: number): Bind {
  return many === 'one' || ids.length === dependencies ? many : { first: ids.length }
}

function sentFlow(context: SenderContext, id: string, byNode: ReadonlyMap<string, TaskHandle>): SentFlow {
  const handles = [...byNode.values()]
  return {
    id,
    handles,
    get: <Output>(node: FlowNode<Output>) => byNode.get(node.id) as TaskHandle<Output>,
    async cancel(reason) {
      const own = [...byNode].flatMap(([node, handle]) => (handle.id === node ? [node] : []))
      const cancelled = await context.broker.tasks.cancel(own, reason)
      const answers = new Map(own.map((node, index) => [node, cancelled[index] === true]))
      return [...byNode.keys()].map((node) => answers.get(node) ?? false)
    },
  }
}
