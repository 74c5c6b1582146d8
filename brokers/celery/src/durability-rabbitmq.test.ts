/** What is lost when connections, workers and RabbitMQ itself go: nothing that is acknowledged late, Celery's loss otherwise. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PrivateRabbitmq, startRabbitmq } from '@lovage/services'
import { processPool, Worker } from '@lovage/worker'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createCeleryBroker } from './celery-broker.ts'
import { mortal } from './fixtures/mortal-tasks.ts'
import { countingWorker, doomedWorker, stuckMessage } from './fixtures/stuck-workers.ts'

const patient = { timeout: 30_000, interval: 50 } as const
let server: PrivateRabbitmq
beforeAll(async () => {
  server = await startRabbitmq()
}, 120_000)
afterAll(() => server.stop())

describe('a killed worker', { timeout: 60_000 }, () => {
  test.for(['late', 'early'] as const)('that acknowledges %s', async (acks) => {
    const url = await server.virtualHost()
    const sender = await createCeleryBroker({ url })
    await sender.tasks.send([stuckMessage('begun'), stuckMessage('held')])
    const doomed = await doomedWorker(url, { task_acks_late: acks === 'late' })
    expect(doomed.line).toBe('began begun')
    doomed.kill()
    const heir = await countingWorker(url, { task_acks_late: true })
    await sender.tasks.send([stuckMessage('last')])
    heir.release()
    await vi.waitFor(() => expect(heir.runs).toContain('last'), patient)
    expect(heir.runs.sort()).toEqual(acks === 'late' ? ['begun', 'held', 'last'] : ['held', 'last'])
    await heir.stop()
    await sender.close()
  })
})

describe('a killed process of a pool', { timeout: 60_000 }, () => {
  test.for([true, false])('has its task run again where the settings say so (%s), and is a failure otherwise', async (again) => {
    const folder = await mkdtemp(join(tmpdir(), 'lovage-mortal-'))
    const settings = { task_acks_late: true, task_reject_on_worker_lost: again }
    const broker = await createCeleryBroker({ url: await server.virtualHost(), results: 'rpc://', settings })
    const pool = processPool({ modules: [join(import.meta.dirname, 'fixtures/mortal-tasks.ts')], size: 1 })
    const worker = new Worker({ broker, tasks: [mortal], pool, name: 'mortal@test', queues: ['default'] })
    onTestFinished(async () => {
      await worker.stop({ cold: true })
      await broker.close()
      await rm(folder, { recursive: true })
    })
    await worker.start()
    await broker.tasks.send([{ id: 'm1', name: 'mortal', queue: 'default', priority: 4, args: [join(folder, 'runs')] }])
    const result = await broker.results.wait('m1', { timeoutMs: 50_000 })
    if (again) expect(result).toMatchObject({ state: 'completed', result: 'survived' })
    else expect(result).toMatchObject({ state: 'failed', failure: { name: 'WorkerLostError' } })
  })
})

describe('a connection that breaks', { timeout: 90_000 }, () => {
  test.for([true, false])('runs nothing twice here and loses nothing (late acknowledgement: %s)', async (late) => {
    const url = await server.virtualHost()
    const worker = await countingWorker(url, { task_acks_late: late })
    const ids = ['a', 'b', 'c', 'd', 'e', 'f']
    const signs: string[] = []
    for (const sign of ['back', 'worker-offline', 'worker-online'] as const) worker.worker.on(sign, () => signs.push(sign))
    await worker.broker.tasks.send(ids.map(stuckMessage))
    await vi.waitFor(() => expect(worker.runs).toHaveLength(2), patient)
    await server.closeConnections()
    const answers = async () =>
      expect(await worker.broker.control.request('ping', {}, { timeoutMs: 500, limit: 1 })).toHaveLength(1)
    await vi.waitFor(answers, patient)
    const listed = () => server.control('list_queues', '-p', new URL(url).pathname.slice(1), 'name', 'messages_unacknowledged')
    await vi.waitFor(async () => expect(await listed()).toMatch(/^celery\t4$/m), patient)
    // What RabbitMQ handed out again comes before this answer: runs that end from here on have their messages back.
    await vi.waitFor(answers, patient)
    worker.release()
    await vi.waitFor(() => expect([...new Set(worker.runs)].sort()).toEqual(ids), patient)
    await worker.broker.tasks.send([stuckMessage('last')])
    await vi.waitFor(() => expect(worker.runs).toContain('last'), patient)
    expect(worker.runs).toHaveLength(ids.length + 1)
    await vi.waitFor(() => expect(signs.slice(0, 3)).toEqual(['worker-offline', 'back', 'worker-online']), patient)
    await worker.stop()
  })

  test('and a broker that starts again: everything is in place', async () => {
    const url = await server.virtualHost()
    const worker = await countingWorker(url, { task_acks_late: true })
    await server.shutDown()
    await server.restart()
    const sending = worker.broker.tasks.send([stuckMessage('after')])
    worker.release()
    await sending
    await vi.waitFor(() => expect(worker.runs).toEqual(['after']), patient)
    expect(await worker.broker.control.request('ping', {}, { timeoutMs: 20_000, limit: 1 })).toMatchObject([
      { worker: 'heir@test', ok: true },
    ])
    await worker.stop()
  })
})
