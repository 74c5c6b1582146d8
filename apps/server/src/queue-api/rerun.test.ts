/** How often a task may run: reruns and retries share the contract's bound of 50 runs. */
import { memoryBackend } from '@lovage/store-memory'
import { expect, onTestFinished, test } from 'vitest'
import { definition, hall } from './fixtures/hall.ts'

test('a rerun renews the retries as far as there may be runs, and there are never more than 50', async () => {
  const h = await hall(memoryBackend())
  onTestFinished(() => h.close())
  const { queue } = h
  const claim = () => queue.claimWork('test-prov/test-type', { workerGroup: 'group', workerId: 'w1' })
  await queue.createTask('again', definition({ retries: 5 }))
  const retriesLeft: number[] = []
  for (let run = 0; run < 47; run++) {
    await claim()
    await queue.reportFailed('again', run)
    retriesLeft.push((await queue.rerunTask('again')).status.retriesLeft)
  }
  expect(retriesLeft.slice(-5)).toEqual([5, 5, 4, 3, 2])
  for (const run of [47, 48, 49]) {
    await claim()
    await queue.reportException('again', run, { reason: 'worker-shutdown' })
  }
  const { status } = await queue.status('again')
  expect([status.state, status.retriesLeft, status.runs.length]).toEqual(['exception', 0, 50])
  await expect(queue.rerunTask('again')).rejects.toMatchObject({ statusCode: 409, code: 'RequestConflict' })
})
