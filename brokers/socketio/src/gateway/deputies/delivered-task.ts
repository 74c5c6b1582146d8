/** The form in which a task travels to a worker that is a whole Worker: with all that it says, its input as it is stored. */
import { awaitedTasks, beginMatters, shown, type Task } from '@lovage/core'
import type { DeliveredTask } from '../../wire/delivered.ts'
import { limits } from '../../wire/limits.ts'
import { type Decoded, refused } from '../../wire/reader.ts'

/** What of a task goes to a worker, or why it can go to none. */
export function deliveredTask(task: Task): Decoded<DeliveredTask> {
  const { id, name, queue, priority, input, run, retries, retryLimit, lost, lostLimit, deadline, key, createdAt, extras } = task
  if (input.length > limits.payloadBytes) {
    const got = shown(`${input.length} characters`)
    return refused('input', `at most ${limits.payloadBytes} characters of JSON for a worker over socket.io`, got)
  }
  const hasInput = input !== 'null' || extras?.nullInput === true
  const asks = beginMatters(task) && task.startedAt === undefined
  return {
    ok: true,
    frame: {
      ...{ id, name, queue, priority, run, retries, lost, lostLimit, sentAt: createdAt },
      ...(hasInput ? { input } : {}),
      ...(retryLimit === undefined ? {} : { retryLimit }),
      ...(deadline === undefined ? {} : { deadline }),
      ...(key === undefined ? {} : { key }),
      ...(asks ? { asks } : {}),
      ...(extras === undefined ? {} : { extras: travellingExtras(task) }),
    },
  }
}

function travellingExtras({ extras = {} }: Task): NonNullable<DeliveredTask['extras']> {
  const { args, kwargs, headers, timeoutMs, parent, flow, dependencies } = extras
  const given = { args, kwargs, headers, timeoutMs, parent, flow, dependencies: dependencies && awaitedTasks(extras) }
  // They are JSON: the store has kept them as such.
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as NonNullable<
    DeliveredTask['extras']
  >
}

/** At most so many bytes on the wire; a character takes at most 3. */
export function mostBytes({ input = '', extras }: DeliveredTask): number {
  // In a text of JSON each quote of the input takes two.
  return 400 + 4 * input.length + (extras === undefined ? 0 : 3 * JSON.stringify(extras).length)
}
