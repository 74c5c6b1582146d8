/** Carries what handlers ask of their worker: progress, log lines, more tasks, the results before theirs. */
import {
  type Broker,
  type Clock,
  ConfigError,
  type Logger,
  type SendOptions,
  type TaskBus,
  type TaskResult,
  taskMessage,
} from '@lovage/core'
import type { EventDesk } from './event-desk.ts'
import type { TransactionHooks } from './pool.ts'
import { checkInput } from './run-context.ts'
import type { RegisteredTask } from './task-registry.ts'
import type { HandlerDesk, TaskRun } from './task-run.ts'

export interface HandlerDeskOptions {
  readonly broker: Broker
  readonly clock: Clock
  readonly logger: Logger
  readonly desk: EventDesk
  readonly registry: ReadonlyMap<string, RegisteredTask>
  readonly newId: (now: number) => string
}

/** Makes the one desk of a worker. */
export function handlerDesk(options: HandlerDeskOptions): HandlerDesk {
  const { broker, clock, logger, desk, registry, newId } = options
  const sendOn = async (
    bus: Pick<TaskBus, 'send'>,
    run: TaskRun,
    name: string,
    input: unknown,
    given: SendOptions | undefined,
  ): Promise<string> => {
    const definition = registry.get(name)?.definition
    if (definition !== undefined) await checkInput(definition, input, given)
    const now = clock.now()
    const context = { now, newId: () => newId(now) }
    const message = taskMessage(definition ?? name, input, { ...given, parent: given?.parent ?? run.message.id }, context)
    const [receipt] = await bus.send([message])
    return receipt?.id ?? message.id
  }
  return {
    progress(run, value, detail) {
      run.delivery.note({ progress: detail === undefined ? value : { value, detail } })
      if (desk.wants('task-progress')) desk.tellTask('task-progress', run, { value, detail: detail ?? null })
    },
    log(run, level, text) {
      run.delivery.note({ line: { level, text } })
      logger.debug({ task: run.message.id, name: run.message.name, level }, text)
      if (desk.wants('task-log')) desk.tellTask('task-log', run, { level, text })
    },
    send: (run, name, input, given) => sendOn(broker.tasks, run, name, input, given),
    dependencies(run: TaskRun): Promise<readonly TaskResult[]> {
      return broker.results.get(run.message.dependencies ?? [])
    },
    within(run: TaskRun, transaction: object): TransactionHooks {
      const bus = broker.tasks.within?.(transaction)
      const { delivery } = run
      if (bus === undefined || delivery.completeWithin === undefined) {
        throw new ConfigError('UNSUPPORTED', `expected a broker that takes part in transactions, got: ${broker.name}`)
      }
      return {
        send: (name, input, given) => sendOn(bus, run, name, input, given),
        complete: async (result) => delivery.completeWithin?.(result, transaction),
      }
    },
  }
}
