/** `lovage send`: sends one task and prints its id, or waits and prints its result. */
import { type Client, publishedTask, sendByName } from '@lovage/client'
import {
  type AnyTask,
  ConfigError,
  type KeyPolicy,
  nearest,
  type PriorityName,
  type SendOptions,
  type WorkerInfo,
} from '@lovage/core'
import { withBroker } from '../connection.ts'
import { exitCodes } from '../exit-code.ts'
import { inputArgument } from '../input-argument.ts'
import { type Action, argument, type Invocation } from '../invocation.ts'
import { checkByPublishedSchema, nobodyKnows } from '../published-tasks.ts'
import { reportResult } from '../resolved-task.ts'
import { definitionsOf, loadTaskFiles } from '../task-files.ts'
import { print, printJson } from '../terminal.ts'
import { awaitResult, checkTimeout, type WaitFlags } from '../wait-for-task.ts'

interface SendFlags extends WaitFlags {
  readonly args?: readonly unknown[]
  readonly kwargs?: Readonly<Record<string, unknown>>
  readonly in?: number
  readonly at?: number
  readonly queue?: string
  readonly priority?: PriorityName
  readonly key?: string
  readonly keyPolicy?: KeyPolicy
  readonly keyFor?: number
  readonly deadline?: number | Date
  readonly id?: string
  readonly retries?: number
  readonly timeLimit?: number
  readonly after?: readonly string[]
  readonly tasks?: readonly string[]
}

export const send: Action<SendFlags> = async (invocation) => {
  const { terminal, settings, options } = invocation
  checkTimeout(options)
  const name = argument(invocation, 0)
  const input = await inputArgument(invocation, 1)
  const definition = await definitionFor(name, invocation)
  const request = sendOptions(options, definition)
  return withBroker(
    invocation,
    async (broker) => {
      // Who would wait in vain sends nothing.
      if (options.wait) await broker.results.get([])
      const workers = await broker.admin?.workers()
      const hasArguments = (options.args ?? options.kwargs) !== undefined
      if (definition === undefined && !hasArguments) await checkByPublishedSchema(workers, name, input)
      const completed = definition === undefined ? await completedOptions(broker, workers, name, request) : undefined
      const task = await broker.send((definition ?? name) as string, input, completed?.options ?? request)
      if (completed?.lacksKey) print(terminal.err, `lovage: ${keyMissing(name)}`)
      const pools = workers?.length === 0 && options.wait ? ((await broker.admin?.pools.list()) ?? []) : []
      const hint = nobodyKnows(
        workers,
        name,
        pools.map(({ workerPoolId }) => workerPoolId),
      )
      // Without any worker this is only news to someone who waits.
      if (hint !== undefined && (options.wait || workers?.length !== 0)) print(terminal.err, `lovage: ${hint}`)
      if (options.wait) return reportResult(invocation, await awaitResult(invocation, broker, task.id), broker)
      if (settings.json) printJson(terminal, { id: task.id, status: task.status })
      else print(terminal.out, task.id)
      return exitCodes.done
    },
    { create: true, fromAnywhere: true },
  )
}

/** Without the definition its queue, priority and limit of lost workers come from a live worker that has it. */
async function completedOptions(
  { admin }: Client,
  workers: readonly WorkerInfo[] | undefined,
  name: string,
  options: SendOptions,
) {
  if (admin === undefined || workers === undefined) return undefined
  return sendByName(admin, publishedTask(workers, name), options)
}

function keyMissing(name: string): string {
  return `sent without a key: only the definition of ${name} can make it from the input; name it with --tasks FILE, or give --key`
}

function sendOptions(flags: SendFlags, definition: AnyTask | undefined): SendOptions {
  if (flags.key === undefined && (flags.keyPolicy ?? flags.keyFor) !== undefined && definition?.key === undefined) {
    const flag = flags.keyPolicy === undefined ? '--key-for' : '--key-policy'
    throw new ConfigError(
      'OPTION_INVALID',
      `expected --key beside ${flag}, got: ${flag} alone; name the key, or with --tasks FILE a definition that makes one`,
    )
  }
  return {
    args: flags.args,
    kwargs: flags.kwargs,
    delay: flags.in,
    at: flags.at,
    queue: flags.queue,
    priority: flags.priority,
    key: flags.key,
    keyPolicy: flags.keyPolicy,
    keyFor: flags.keyFor,
    deadline: flags.deadline,
    id: flags.id,
    retryLimit: flags.retries,
    timeout: flags.timeLimit,
    dependencies: flags.after,
  }
}

/** The definition of that name in the files of --tasks. */
async function definitionFor(name: string, invocation: Invocation<SendFlags>): Promise<AnyTask | undefined> {
  const { tasks } = invocation.options
  if (tasks === undefined) return undefined
  const definitions = definitionsOf(await loadTaskFiles(tasks, invocation.terminal.cwd))
  const found = definitions.find((definition) => definition.name === name)
  if (found !== undefined) return found
  const names = definitions.map((definition) => definition.name)
  const close = nearest(name, names)
  const cure = close === undefined ? '' : `; did you mean ${close}?`
  throw new ConfigError('MODULE_INVALID', `expected ${tasks.join(', ')} to define ${name}, got: ${names.join(', ')}${cure}`)
}
