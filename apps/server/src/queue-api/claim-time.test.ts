/** The claim time of a queue: said by its worker pool, for claims and reclaims alike. */
import { memoryBackend } from '@lovage/store-memory'
import { manualClock } from '@lovage/testing'
import { expect, onTestFinished, test } from 'vitest'
import { definition, hall } from './fixtures/hall.ts'

const w1 = { workerGroup: 'group', workerId: 'w1' }

test('the worker pool of a queue says how long its claims last, else the server does', async () => {
  const clock = manualClock()
  const h = await hall({ ...memoryBackend(), clock }, { claimTimeout: '10 minutes' })
  onTestFinished(() => h.close())
  const savePool = async (method: 'PUT' | 'POST', claimTimeout?: number): Promise<number> => {
    const pool = { providerId: 'static', description: '', owner: 'me@example.com', emailOnError: false }
    const body = JSON.stringify({ ...pool, config: { lifecycle: { claimTimeout } } })
    return (await fetch(`${h.server.url}/api/worker-manager/v1/worker-pool/test-prov%2Ftest-type`, { method, body })).status
  }
  const secondsLeft = ({ takenUntil }: { readonly takenUntil: string }): number => (Date.parse(takenUntil) - clock.now()) / 1000
  for (const id of ['a', 'b']) await h.queue.createTask(id, definition({}, clock.now()))
  await h.queue.createTask('other', definition({ taskQueueId: 'other/queue' }, clock.now()))

  expect(secondsLeft(await h.queue.claimTask('a', 0, w1))).toBe(600)
  expect([await savePool('PUT', 0), await savePool('PUT', 7200)]).toEqual([400, 200])
  expect(secondsLeft(await h.queue.reclaimTask('a', 0))).toBe(7200)
  expect(secondsLeft((await h.queue.claimWork('test-prov/test-type', w1)).tasks[0])).toBe(7200)
  expect(secondsLeft(await h.queue.claimTask('other', 0, w1))).toBe(600)

  await clock.advance('30m')
  expect(await savePool('POST', 60)).toBe(200)
  expect(secondsLeft(await h.queue.reclaimTask('a', 0)), 'is never cut short').toBe(5400)
})
