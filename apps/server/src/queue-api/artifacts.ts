/** Artifacts: where what a run made can be found. The contents are elsewhere; here is what leads to them. */
import { z } from '@hono/zod-openapi'
import { type Desk, type Task, type TaskStatus, taskStatus } from '@lovage/core'
import { ContractError } from './contract-error.ts'
import { definitionOf } from './definition.ts'
import { runningTask } from './run-reports.ts'

const date = z.iso.datetime({ offset: true, error: 'expected a date such as 2027-01-31T09:00:00.000Z' })
const contentType = z.string().max(255).default('application/binary')

const keptArtifact = z.discriminatedUnion('storageType', [
  z.strictObject({
    ...{ storageType: z.literal('reference'), expires: date, contentType, contentLength: z.number().int().min(0).optional() },
    url: z
      .string()
      .max(4096)
      .regex(/^https?:\/\//, 'expected an address that begins with https:// or http://'),
  }),
  z.strictObject({ storageType: z.literal('link'), expires: date, contentType, artifact: z.string().max(1000) }),
  z.strictObject({
    ...{ storageType: z.literal('error'), expires: date, message: z.string().max(4096) },
    reason: z.enum([
      'file-missing-on-worker',
      'invalid-resource-on-worker',
      'too-large-file-on-worker',
      'file-not-readable-on-worker',
    ]),
  }),
])
const content = z
  .object({ storageType: z.enum(['object', 's3']) })
  .loose()
  .openapi({ description: 'Refused: this server keeps no contents.' })

/** What `createArtifact` takes. */
export const artifactBody = z.union([keptArtifact, content])

export type StoredArtifact = z.infer<typeof keptArtifact>
type GivenArtifact = StoredArtifact | { readonly storageType: 'object' | 's3' }

/** An artifact under its name. */
export interface NamedArtifact {
  readonly name: string
  readonly artifact: StoredArtifact
}

const kindOf = (taskId: string): string => `http-artifacts:${taskId}`
const tasksKind = 'http-artifact-task'
const keyOf = (runId: number, name: string): string => `${runId} ${name}`

/** How long after an exception artifacts are taken still: a worker that lost its task may still tell why. */
const afterExceptionMs = 20 * 60_000

export class Artifacts {
  readonly #desk: Desk

  constructor(desk: Desk) {
    this.#desk = desk
  }

  /** The same again changes nothing. @throws {ContractError} InputError, RequestConflict */
  async create(task: Task, runId: string, name: string, given: GivenArtifact): Promise<StoredArtifact> {
    if (!isKept(given)) {
      const message = `expected an artifact of type reference, link or error, got: ${given.storageType}; this server keeps no contents: put them elsewhere and create a reference`
      throw new ContractError('InputError', message)
    }
    const { expires } = definitionOf(task)
    const artifact = { ...given, expires: new Date(given.expires).toJSON() } as StoredArtifact
    if (artifact.expires > expires) {
      throw new ContractError(
        'InputError',
        `expected \`expires\` to be no later than that of the task, ${expires}, got: ${given.expires}`,
      )
    }
    this.#checkOpen(task, runId)
    const [kind, key] = [kindOf(task.id), keyOf(Number(runId), name)]
    for (;;) {
      const stored = await this.#desk.records.read(kind, key)
      const before = stored === undefined ? undefined : (JSON.parse(stored.value) as StoredArtifact)
      if (before !== undefined && !mayBecome(before, artifact)) {
        throw new ContractError(
          'RequestConflict',
          `expected artifact ${name} of run ${runId} to be new or the same, got another one`,
        )
      }
      const writes = [
        { kind, key, value: JSON.stringify(artifact), version: stored?.version ?? 0 },
        { kind: tasksKind, key: task.id, value: JSON.stringify({ expires }) },
      ]
      if (await this.#desk.records.write(writes)) return artifact
    }
  }

  /** In order of their names. */
  async list(taskId: string, runId: number): Promise<readonly NamedArtifact[]> {
    const prefix = keyOf(runId, '')
    const records = (await this.#desk.records.list(kindOf(taskId))).filter(({ key }) => key.startsWith(prefix))
    const all = records.map(({ key, value }) => ({
      name: key.slice(prefix.length),
      artifact: JSON.parse(value) as StoredArtifact,
    }))
    return all.filter(({ artifact }) => Date.parse(artifact.expires) > this.#desk.now())
  }

  /** Follows links. @throws {ContractError} ResourceNotFound */
  async get(taskId: string, runId: number, name: string, depth = 0): Promise<NamedArtifact> {
    const stored = await this.#desk.records.read(kindOf(taskId), keyOf(runId, name))
    const artifact = stored === undefined ? undefined : (JSON.parse(stored.value) as StoredArtifact)
    if (artifact === undefined || Date.parse(artifact.expires) <= this.#desk.now() || depth > 10) {
      throw new ContractError(
        'ResourceNotFound',
        `expected an artifact of run ${runId} of task ${taskId}, got: ${name}, which it has not`,
      )
    }
    return artifact.storageType === 'link' ? this.get(taskId, runId, artifact.artifact, depth + 1) : { name, artifact }
  }

  /** Forgets those of tasks that have expired. */
  async prune(): Promise<void> {
    const now = this.#desk.now()
    for (const { key: taskId, value } of await this.#desk.records.list(tasksKind)) {
      if (Date.parse((JSON.parse(value) as { readonly expires: string }).expires) > now) continue
      const records = await this.#desk.records.list(kindOf(taskId))
      const removals = records.map(({ kind, key }) => ({ kind, key, value: null }))
      await this.#desk.records.write([...removals, { kind: tasksKind, key: taskId, value: null }])
    }
  }

  #checkOpen(task: Task, runId: string): void {
    const run = taskStatus(task).runs[Number(runId)]
    const isLate = run?.state === 'exception' && Date.parse(run.resolved ?? '') + afterExceptionMs > this.#desk.now()
    if (!isLate) runningTask(task, runId)
  }
}

function isKept(given: GivenArtifact): given is StoredArtifact {
  return given.storageType !== 'object' && given.storageType !== 's3'
}

/** Everything else is for good; how long it is kept may only grow. */
function mayBecome(before: StoredArtifact, after: StoredArtifact): boolean {
  if (before.storageType === 'reference' && after.storageType !== 'error') return true
  if (after.expires < before.expires) return false
  return JSON.stringify({ ...before, expires: '' }) === JSON.stringify({ ...after, expires: '' })
}

/** The last run of a task. @throws {ContractError} ResourceNotFound */
export function latestRun({ taskId, runs }: TaskStatus): number {
  if (runs.length > 0) return runs.length - 1
  throw new ContractError('ResourceNotFound', `expected task ${taskId} to have runs, got none`)
}
