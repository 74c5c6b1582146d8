/** Processes killed with -9 at moments of chance: what was acknowledged is there, and no call is there in part. */
import { expect, onTestFinished, test } from 'vitest'
import { backendProcess } from './fixtures/backend-process.ts'
import { claimRequest, completed, newTask } from './fixtures/new-task.ts'
import { scratchFile } from './fixtures/scratch.ts'
import { sqliteStore } from './sqlite-store.ts'

/** Keeps calling until the process is killed, and kills it after so many answers. */
async function untilKilled(answers: number, call: (index: number) => Promise<unknown>, kill: () => Promise<void>): Promise<void> {
  let answered = 0
  const lane = async (start: number): Promise<void> => {
    for (let index = start; ; index += 4) {
      await call(index)
      if (++answered === answers) await kill()
    }
  }
  await Promise.allSettled([0, 1, 2, 3].map(lane))
}

test.each([1, 17, 60])('inserts: killed after %i answers', async (answers) => {
  const path = await scratchFile(onTestFinished)
  const { store, kill } = await backendProcess(onTestFinished, path)
  const acknowledged: number[] = []
  const batch = (index: number) =>
    Array.from({ length: 25 }, (_, place) => newTask(`b${index}.${place}`, { input: `"${index}"` }))
  await untilKilled(answers, (index) => store.insert(batch(index)).then(() => acknowledged.push(index)), kill)
  expect(acknowledged.length).toBeGreaterThanOrEqual(answers)

  const left = await sqliteStore(path)
  const present = new Map<string, number>()
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const page = await left.find({ limit: 1000, ...(cursor === undefined ? {} : { cursor }) })
    for (const { input } of page.tasks) present.set(input, (present.get(input) ?? 0) + 1)
    cursor = page.cursor
  }
  for (const index of acknowledged) expect(present.get(`"${index}"`)).toBe(25)
  for (const count of present.values()) expect(count).toBe(25)
  await left.close()
})

test.each([1, 9, 30])('settlements with dependents: killed after %i answers', async (answers) => {
  const path = await scratchFile(onTestFinished)
  const { store, kill } = await backendProcess(onTestFinished, path)
  const ids = Array.from({ length: 200 }, (_, index) => `r${index}`)
  await store.insert(ids.map((id) => newTask(id, { queue: 'first' })))
  await store.insert(ids.flatMap((id) => ['x', 'y', 'z'].map((end) => newTask(id + end, { extras: { dependencies: [id] } }))))
  const { tasks } = await store.claim(claimRequest({ queues: ['first'], limit: 200 }))
  const acknowledged: string[] = []
  const settle = async (index: number): Promise<void> => {
    const task = tasks[index]
    if (task === undefined) throw new RangeError('all settled before the kill')
    await store.update([completed(task)])
    acknowledged.push(task.id)
  }
  await untilKilled(answers, settle, kill)
  expect(acknowledged.length).toBeGreaterThanOrEqual(answers)
  expect(acknowledged.length).toBeLessThan(200)

  const left = await sqliteStore(path)
  for (const id of ids) {
    const [required, ...dependents] = await left.get([id, `${id}x`, `${id}y`, `${id}z`])
    if (acknowledged.includes(id)) expect(required?.state).toBe('completed')
    const follows = required?.state === 'completed' ? 'pending' : 'blocked'
    expect(dependents.map((task) => task?.state)).toEqual([follows, follows, follows])
  }
  await left.close()
})
