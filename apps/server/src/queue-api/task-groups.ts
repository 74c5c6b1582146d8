/** Task groups: tasks that were created under one id, one scheduler for all of them, and the seal that ends it. */
import type { Desk, StoredRecord, Task } from '@lovage/core'
import { ContractError } from './contract-error.ts'
import type { Definition } from './definition.ts'
import type { Office } from './office.ts'

const kind = 'http-group'
const membersOf = (groupId: string): string => `${kind}:${groupId}`

/** What is kept of a group. */
export interface TaskGroup {
  readonly taskGroupId: string
  readonly schedulerId: string
  /** ISO time; after it, and without tasks, it is forgotten. */
  readonly expires: string
  /** ISO time: no task joins from then on. */
  readonly sealed?: string
}

/** The least by which a group's life grows when a task that lives longer joins it, in milliseconds: a write each time would be much. */
const stretchMs = 86_400_000

/**
 * A task that is a group of its own leaves no trace here, until somebody looks at the group. A member is noted before its task is
 * there; one whose task never came, or is gone, is not seen.
 */
export class TaskGroups {
  readonly #office: Pick<Office, 'admin' | 'desk'>

  constructor(office: Pick<Office, 'admin' | 'desk'>) {
    this.#office = office
  }

  get #records(): Desk['records'] {
    return this.#office.desk.records
  }

  /**
   * Answers whether others are in the group, too: then it may be sealed before the task is there.
   * @throws {ContractError} RequestConflict for a group that is sealed or belongs to another scheduler
   */
  async join(taskId: string, { taskGroupId, schedulerId, expires }: Definition): Promise<boolean> {
    const isFirst = taskGroupId === taskId
    const noting = isFirst || this.#records.write([{ kind: membersOf(taskGroupId), key: taskId, value: '{}' }])
    const [group] = await Promise.all([this.#read(taskGroupId), noting])
    if (group !== undefined) await this.#enter(group, schedulerId, expires)
    else if (!isFirst) await this.#found(taskGroupId, schedulerId, expires)
    return group !== undefined || !isFirst
  }

  async isSealed(taskGroupId: string): Promise<boolean> {
    const stored = await this.#read(taskGroupId)
    return stored !== undefined && groupFrom(stored).sealed !== undefined
  }

  /** Forgets that a task joined. */
  async leave(taskId: string, taskGroupId: string): Promise<void> {
    await this.#records.write([{ kind: membersOf(taskGroupId), key: taskId, value: null }])
  }

  /** @throws {ContractError} ResourceNotFound */
  async get(taskGroupId: string): Promise<TaskGroup> {
    const stored = await this.#read(taskGroupId)
    const group = stored === undefined ? await this.#single(taskGroupId) : groupFrom(stored)
    if (group !== undefined) return group
    const message = `expected the id of a task group, got: ${taskGroupId}, which no task belongs to`
    throw new ContractError('ResourceNotFound', message, { subject: taskGroupId })
  }

  /** The ids of all that joined, in order. Some may be of tasks that are gone. */
  async members(taskGroupId: string): Promise<readonly string[]> {
    const joined = (await this.#records.list(membersOf(taskGroupId))).map(({ key }) => key)
    return [taskGroupId, ...joined]
  }

  /** Whatever of these tasks is there, and of this group. */
  async tasksOf(group: TaskGroup, ids: readonly string[]): Promise<readonly Task[]> {
    const tasks = (await this.#office.admin.get(ids)).filter((task) => task !== undefined)
    return tasks.filter((task) => (task.extras?.http?.taskGroupId ?? task.extras?.flow ?? task.id) === group.taskGroupId)
  }

  /** May be called twice; the first time counts. */
  async seal(taskGroupId: string): Promise<TaskGroup> {
    for (;;) {
      const stored = await this.#read(taskGroupId)
      const group = stored === undefined ? await this.get(taskGroupId) : groupFrom(stored)
      if (group.sealed !== undefined) return group
      const sealed = { ...group, sealed: new Date(this.#office.desk.now()).toJSON() }
      if (await this.#write(sealed, stored?.version ?? 0)) return sealed
    }
  }

  /** Forgets groups whose time is over and that have no tasks any more. */
  async prune(): Promise<void> {
    const now = this.#office.desk.now()
    for (const stored of await this.#records.list(kind)) {
      const group = groupFrom(stored)
      if (Date.parse(group.expires) > now) continue
      const ids = await this.members(group.taskGroupId)
      if ((await this.tasksOf(group, ids)).length > 0) continue
      const members = ids.slice(1).map((key) => ({ kind: membersOf(group.taskGroupId), key, value: null }))
      await this.#records.write([{ kind, key: group.taskGroupId, value: null, version: stored.version }, ...members])
    }
  }

  #read(taskGroupId: string): Promise<StoredRecord | undefined> {
    return this.#records.read(kind, taskGroupId)
  }

  #write(group: TaskGroup, version: number): Promise<boolean> {
    return this.#records.write([{ kind, key: group.taskGroupId, value: JSON.stringify(group), version }])
  }

  /** The group of a task that is alone in it. */
  async #single(taskGroupId: string): Promise<TaskGroup | undefined> {
    const [task] = await this.#office.admin.get([taskGroupId])
    const http = task?.extras?.http
    if (task === undefined || (http?.taskGroupId ?? task.id) !== taskGroupId) return undefined
    const expires = http?.expires ?? new Date(task.createdAt + 365 * stretchMs).toJSON()
    return { taskGroupId, schedulerId: http?.schedulerId ?? '-', expires }
  }

  async #found(taskGroupId: string, schedulerId: string, expires: string): Promise<void> {
    const group = (await this.#single(taskGroupId)) ?? { taskGroupId, schedulerId, expires }
    // Written although it may refuse this task: with it the note of its member is forgotten.
    if (await this.#write(group, 0)) return checkScheduler(group, schedulerId)
    const stored = await this.#read(taskGroupId)
    if (stored !== undefined) await this.#enter(stored, schedulerId, expires)
  }

  async #enter(stored: StoredRecord, schedulerId: string, expires: string): Promise<void> {
    const group = groupFrom(stored)
    checkScheduler(group, schedulerId)
    if (group.sealed !== undefined) {
      throw new ContractError(
        'RequestConflict',
        `expected task group ${group.taskGroupId} to be open, got: sealed at ${group.sealed}`,
      )
    }
    if (Date.parse(expires) < Date.parse(group.expires) + stretchMs) return
    // Whoever wrote in between may have stretched it too; the next task sees to it.
    await this.#write({ ...group, expires }, stored.version)
  }
}

function groupFrom({ value }: StoredRecord): TaskGroup {
  return JSON.parse(value) as TaskGroup
}

function checkScheduler(group: TaskGroup, schedulerId: string): void {
  if (group.schedulerId === schedulerId) return
  const { taskGroupId, schedulerId: owner } = group
  const message = `expected the tasks of group ${taskGroupId} to have its schedulerId ${owner}, got: ${schedulerId}`
  throw new ContractError('RequestConflict', message, { subject: taskGroupId })
}
