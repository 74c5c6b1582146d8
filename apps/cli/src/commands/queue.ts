/** `lovage queue`: sees, pauses and resumes queues. */
import { checkName, type QueueInfo } from '@lovage/core'
import { adminOf } from '../admin-of.ts'
import { withBroker } from '../connection.ts'
import { exitCodes } from '../exit-code.ts'
import { type Action, argument } from '../invocation.ts'
import { painter } from '../render/paint.ts'
import { queueRows } from '../render/queue-rows.ts'
import { print, printJson } from '../terminal.ts'

export const queueList: Action = async (invocation) => {
  const { terminal, settings } = invocation
  const queues = await withBroker(invocation, (broker) => adminOf(broker).queues())
  if (settings.json) printJson(terminal, { queues })
  else if (queues.length === 0) print(terminal.out, `no queues on ${settings.broker}; they come with the first task`)
  else for (const line of queueRows(queues, painter(terminal.out), Date.now(), terminal.out.columns)) print(terminal.out, line)
  return exitCodes.done
}

export const queuePause: Action = (invocation) => setPaused(invocation, true)
export const queueResume: Action = (invocation) => setPaused(invocation, false)

/** A queue that nobody has used yet can be paused too: it begins paused. */
async function setPaused(invocation: Parameters<Action>[0], paused: boolean) {
  const { terminal, settings } = invocation
  const queue = checkName(argument(invocation, 0), 'queue')
  const info = await withBroker(invocation, async (broker): Promise<QueueInfo | undefined> => {
    const admin = adminOf(broker)
    await (paused ? admin.pauseQueue(queue) : admin.resumeQueue(queue))
    return (await admin.queues()).find((one) => one.queue === queue)
  })
  if (settings.json) printJson(terminal, { queue, paused })
  else print(terminal.out, `${queue} ${paused ? 'paused' : 'resumed'}${waiting(info)}`)
  return exitCodes.done
}

function waiting(info: QueueInfo | undefined): string {
  const pending = info?.counts.pending ?? 0
  return pending === 0 ? '' : `, ${pending} pending`
}
