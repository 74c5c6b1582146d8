/** Sending by a bare name: what live workers publish of a definition stands in for the definition itself. */
import { type Admin, type PriorityName, type PublishedTask, priorityName, type SendOptions, type WorkerInfo } from '@lovage/core'

/** How a task goes out whose definition is not at hand. */
export interface SendByName {
  /** The given options, with the queue, priority and limit of lost workers that were published where they name none. */
  readonly options: SendOptions
  /** The definition makes a key, and the options hold none: the task goes out without one. */
  readonly lacksKey: boolean
}

/**
 * Completes options for a task that is sent by its name. A task that is there already under the given id is asked first, so
 * that sending the same again is the same, whoever is alive by then.
 */
export async function sendByName(
  admin: Pick<Admin, 'get'>,
  published: PublishedTask | undefined,
  options: SendOptions,
): Promise<SendByName> {
  const lacksKey = published?.keyed === true && options.key === undefined
  const { queue, priority, lostLimit } = options
  if (queue !== undefined && priority !== undefined && lostLimit !== undefined) return { options, lacksKey }
  const [there] = options.id === undefined ? [] : await admin.get([options.id])
  return { options: placed(options, there ?? published), lacksKey: lacksKey && there === undefined }
}

/** Options that say where a task waits, and how many crashes it may see. */
interface Place {
  readonly queue?: string | undefined
  readonly priority?: PriorityName | undefined
  readonly lostLimit?: number | undefined
}

/** Completes queue, priority and limit of lost workers where the options name none. */
export function placed<Options extends Place>(
  options: Options,
  known: Pick<PublishedTask, 'queue' | 'priority' | 'lostLimit'> = {},
): Options {
  const { queue, priority, lostLimit } = known
  return {
    ...options,
    queue: options.queue ?? queue,
    priority: options.priority ?? (priority === undefined ? undefined : priorityName(priority)),
    lostLimit: options.lostLimit ?? lostLimit,
  }
}

/** What is published of a name; the worker that started last speaks, because releases change definitions. */
export function publishedTask(workers: readonly WorkerInfo[], name: string): PublishedTask | undefined {
  return workers
    .toSorted((one, other) => other.startedAt - one.startedAt)
    .flatMap((worker) => worker.tasks)
    .find((task) => task.name === name)
}
