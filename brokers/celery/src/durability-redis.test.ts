/** What is lost on Redis when workers and Redis itself go: nothing that is acknowledged late, Celery's loss otherwise. */
import { type PrivateRedis, startRedis } from '@lovage/services'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createCeleryBroker } from './celery-broker.ts'
import { countingWorker, doomedWorker, stuckMessage } from './fixtures/stuck-workers.ts'

const patient = { timeout: 30_000, interval: 50 } as const
let server: PrivateRedis
beforeAll(async () => {
  server = await startRedis({ durable: true })
}, 120_000)
afterAll(() => server.stop())

/** What a killed process held comes back after this, where a broken connection to RabbitMQ brings it at once. */
const broker_transport_options = { visibility_timeout: 2 }

describe('a killed worker', { timeout: 90_000 }, () => {
  test.for([
    ['late', 1],
    ['early', 2],
  ] as const)('that acknowledges %s', async ([acks, database]) => {
    const url = `${server.url}/${database}`
    const sender = await createCeleryBroker({ url, settings: { broker_transport_options } })
    await sender.tasks.send([stuckMessage('begun'), stuckMessage('held')])
    const doomed = await doomedWorker(url, { task_acks_late: acks === 'late', broker_transport_options })
    expect(doomed.line).toBe('began begun')
    doomed.kill()
    const heir = await countingWorker(url, { task_acks_late: true, broker_transport_options })
    heir.release()
    const expected = acks === 'late' ? ['begun', 'held'] : ['held']
    await vi.waitFor(() => expect(heir.runs.toSorted()).toEqual(expected), patient)
    await sender.tasks.send([stuckMessage('last')])
    await vi.waitFor(() => expect(heir.runs).toContain('last'), patient)
    expect(heir.runs.toSorted()).toEqual([...expected, 'last'])
    await heir.stop()
    await sender.close()
  })
})

describe('a Redis that goes and starts again', { timeout: 90_000 }, () => {
  test.for([
    [true, 3],
    [false, 4],
  ] as const)('runs nothing twice here and loses nothing (late acknowledgement: %s)', async ([late, database]) => {
    const worker = await countingWorker(`${server.url}/${database}`, { task_acks_late: late })
    const signs: string[] = []
    for (const sign of ['back', 'worker-offline', 'worker-online'] as const) worker.worker.on(sign, () => signs.push(sign))
    const ids = ['a', 'b', 'c', 'd', 'e', 'f']
    await worker.broker.tasks.send(ids.map(stuckMessage))
    await vi.waitFor(() => expect(worker.runs).toHaveLength(2), patient)
    await server.crash()
    const sending = worker.broker.tasks.send([stuckMessage('last')])
    await server.restart()
    await sending
    worker.release()
    await vi.waitFor(() => expect(worker.runs.toSorted()).toEqual([...ids, 'last']), patient)
    await vi.waitFor(() => expect(signs).toEqual(['worker-offline', 'back', 'worker-online']), patient)
    await worker.stop()
  })
})
