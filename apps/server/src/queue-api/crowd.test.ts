/** A hundred thousand pending tasks of seven priorities: the most urgent come first, and pages of them neither skip nor repeat. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { priorityNames, priorityNumber } from '@lovage/core'
import { sqliteBackend } from '@lovage/store-sqlite'
import { expect, test } from 'vitest'
import { hall } from './fixtures/hall.ts'

const queueId = 'test-prov/test-type'
const crowd = 100_000

test('a crowd of tasks is claimed in order', { timeout: 120_000 }, async ({ onTestFinished }) => {
  const directory = await mkdtemp(join(tmpdir(), 'lovage-crowd-'))
  const { client, queue, close } = await hall(await sqliteBackend(join(directory, 'lovage.db'), { synchronous: 'normal' }))
  onTestFinished(async () => {
    await close()
    await rm(directory, { recursive: true })
  })
  const priorityOf = (n: number): number => (n * 31) % 7
  for (let start = 0; start < crowd; start += 10_000) {
    const part = Array.from({ length: 10_000 }, (_, index) => start + index)
    await client.tasks.send(
      part.map((n) => ({
        ...{ id: `t${n}`, name: `job${n % 3}`, queue: queueId, input: n },
        priority: priorityNumber(priorityNames[priorityOf(n)] ?? 'lowest') ?? 1,
      })),
    )
  }
  expect(await queue.taskQueueCounts(queueId)).toMatchObject({ pendingTasks: crowd, claimedTasks: 0 })
  const expected = Array.from({ length: crowd }, (_, n) => n)
    .filter((n) => priorityOf(n) === 0)
    .map((n) => `t${n}`)
  const claimed: string[] = []
  while (claimed.length < 10 * 32) {
    const { tasks } = await queue.claimWork(queueId, { workerGroup: 'group', workerId: `w${claimed.length}`, tasks: 32 })
    claimed.push(...tasks.map(({ status }: { status: { taskId: string } }) => status.taskId))
  }
  expect(claimed).toEqual(expected.slice(0, claimed.length))
  const first = await queue.listPendingTasks(queueId, { limit: 1000 })
  const second = await queue.listPendingTasks(queueId, { limit: 1000, continuationToken: first.continuationToken })
  const listed = [...first.tasks, ...second.tasks].map(({ taskId }: { taskId: string }) => taskId)
  const waiting = Array.from({ length: 3000 }, (_, n) => `t${n}`).filter((id) => !claimed.includes(id))
  expect(listed).toEqual(waiting.slice(0, 2000))
})
