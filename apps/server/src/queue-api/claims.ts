/** Claims: what a worker gets for its request, and how it is kept waiting. */
import { z } from '@hono/zod-openapi'
import { type Desk, splitWorker, type Task, taskStatus } from '@lovage/core'
import type { Credentials } from './authority.ts'
import { claimMsFor } from './claim-time.ts'
import { definitionOf, definitionSchema } from './definition.ts'
import { type Office, statusSchema } from './office.ts'
import { httpHolder, type WorkerBook } from './worker-book.ts'

const credentialsSchema = z.object({ clientId: z.string(), accessToken: z.string(), certificate: z.string().optional() })

export const reclaimSchema = z.object({
  status: statusSchema,
  runId: z.number().int(),
  workerGroup: z.string(),
  workerId: z.string(),
  takenUntil: z.string(),
  credentials: credentialsSchema,
})

export const claimSchema = reclaimSchema.extend({ task: definitionSchema }).openapi('Claim')

/** How long a worker is kept waiting for its first task. */
const waitMs = 20_000

/** Who claims. */
export interface Claimer {
  readonly queue: string
  readonly workerGroup: string
  readonly workerId: string
  /** This start of the worker, where it tells: with it all that it runs can be declared lost. */
  readonly incarnation?: string | undefined
}

/** What is claimed, and for whom. */
export interface Wish {
  readonly limit: number
  /** Only these tasks, and no waiting for others. */
  readonly ids?: readonly string[] | undefined
  /** Fires when the connection of the worker closes. */
  readonly gone: AbortSignal
}

/**
 * Claims, and answers with what the worker is to be told of each task. A worker that is to get nothing is kept waiting, and seen;
 * what a worker cannot be told of goes back at once.
 */
export async function claimTasks<Told>(
  office: Office,
  book: WorkerBook,
  claimer: Claimer,
  { gone, ...wish }: Wish,
  tell: (task: Task) => Told | Promise<Told>,
): Promise<readonly Told[]> {
  const { queue, workerGroup, workerId, incarnation } = claimer
  const worker = `${workerId}@${workerGroup}`
  const [heldBack, leaseMs] = await Promise.all([isHeldBack(office, book, claimer), claimMsFor(office, queue)])
  const tasks = await office.desk.claim({
    ...{ queues: [queue], holder: httpHolder(queue, worker, incarnation), worker, leaseMs, waitMs, ...wish },
    signal: AbortSignal.any([gone, office.closing]),
    // None of its tasks is there: it waits like everybody else.
    ...(heldBack ? { names: [] } : {}),
  })
  try {
    const taken = tasks.map((task) => ({ taskId: task.id, runId: task.run }))
    // What was said of the worker while it waited holds, too.
    const [told, , isOut] = await Promise.all([
      Promise.all(tasks.map(tell)),
      book.seen(queue, worker, taken),
      tasks.length > 0 && isHeldBack(office, book, claimer),
    ])
    if (!gone.aborted && !isOut) return told
  } catch (error) {
    await giveBack(office.desk, tasks)
    throw error
  }
  await giveBack(office.desk, tasks)
  return []
}

/** A worker in quarantine, and one of a pool that was removed or stops: it would take back what was taken from it. */
async function isHeldBack({ admin }: Office, book: WorkerBook, { queue, workerGroup, workerId }: Claimer): Promise<boolean> {
  const [entry, member] = await Promise.all([
    book.get(queue, `${workerId}@${workerGroup}`),
    admin.pools.worker({ workerPoolId: queue, workerGroup, workerId }),
  ])
  return (entry !== undefined && book.isQuarantined(entry)) || member?.state === 'stopping' || member?.state === 'stopped'
}

/** What the worker of a run is told, with credentials to act for it. */
export async function reclaimed(office: Office, task: Task): Promise<z.infer<typeof reclaimSchema>> {
  const status = taskStatus(task) as z.infer<typeof statusSchema>
  const { workerGroup, workerId } = splitWorker(task.worker ?? '')
  const takenUntil = new Date(task.takenUntil ?? 0).toJSON()
  return { status, runId: task.run, workerGroup, workerId, takenUntil, credentials: await credentialsFor(office, task) }
}

export async function claimed(office: Office, task: Task): Promise<z.infer<typeof claimSchema>> {
  return { ...(await reclaimed(office, task)), task: definitionOf(task) as z.infer<typeof definitionSchema> }
}

function credentialsFor({ authority }: Office, task: Task): Promise<Credentials> {
  const { workerGroup, workerId } = splitWorker(task.worker ?? '')
  const expires = task.takenUntil ?? 0
  const until = Math.floor(expires / 1000)
  const verbs = ['reclaim-task', 'resolve-task', 'create-artifact']
  return authority.credentialsFor({
    clientId: `task-client/${task.id}/${task.run}/on/${workerGroup}/${workerId}/until/${until}`,
    scopes: [...verbs.map((verb) => `queue:${verb}:${task.id}/${task.run}`), ...(task.extras?.http?.scopes ?? [])],
    expires,
  })
}

async function giveBack(desk: Desk, tasks: readonly Task[]): Promise<void> {
  await Promise.all(tasks.map((task) => desk.settle(task, { type: 'released' })))
}
