/** Tasks through the gateway to workers in another process; or by the broker alone to a worker in this one, for what the way adds. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { cpuUsage, hrtime } from 'node:process'
import { createGateway } from '@lovage/broker-socketio'
import type { Broker } from '@lovage/core'
import { createQueueBroker } from '@lovage/queue'
import { memoryBackend } from '@lovage/store-memory'
import { postgresBackend } from '@lovage/store-postgres'
import { sqliteBackend } from '@lovage/store-sqlite'
import { createClient, defineTask, Worker } from 'lovage'
import { hire, payload } from '../socketio-crew.ts'
import { cpuPerTask, type Job, percentiles, perSecond, type Variant } from '../variant.ts'

const most = 20_000
const warmUp = 4000

export const run: Variant = async (job) => {
  const { workers = '10', capacity = '10', local } = job.settings
  const broker = await createQueueBroker({ ...(await backendOf(job)), maintain: 'always' })
  const end = local === undefined ? await atGateway(broker, Number(workers), Number(capacity)) : await inProcess(broker)
  const tasks = Math.min(job.tasks, most)
  await drained(broker, warmUp)
  const began = cpuUsage()
  const rate = await drained(broker, tasks)
  const cpu = cpuPerTask(began, tasks)
  const starts: number[] = []
  const results: number[] = []
  for (let i = 0; i < job.probes; i++) {
    const sent = hrtime.bigint()
    const [id = ''] = (await send(broker, 1, `probe-${i}`)) as string[]
    const { result } = await broker.results.wait(id)
    results.push(Number(hrtime.bigint() - sent) / 1e6)
    starts.push(Number(BigInt(String(result)) - sent) / 1e6)
    // Lets the worker ask for its next task, so that each probe meets an idle queue.
    await new Promise((resolve) => setTimeout(resolve, 4))
  }
  await end()
  await broker.close()
  const [start, result] = [percentiles(starts), percentiles(results)]
  return { 'tasks/s': rate, 'CPU us': cpu, 'start p50 ms': start.p50, 'start p99 ms': start.p99, 'result p50 ms': result.p50 }
}

async function backendOf({ directory, settings: { store, synchronous, postgres } }: Job) {
  if (store === 'memory') return memoryBackend()
  if (postgres !== undefined) return postgresBackend(postgres)
  return sqliteBackend(join(directory, 'bench.db'), { synchronous: synchronous === 'normal' ? 'normal' : 'full' })
}

async function atGateway(broker: Broker, workers: number, capacity: number): Promise<() => Promise<void>> {
  const server = createServer()
  const gateway = createGateway({ server, desk: broker.desk, admin: broker.admin, drain: 0 })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const crew = await hire('sdk', `http://127.0.0.1:${(server.address() as AddressInfo).port}`, workers, capacity)
  return async () => {
    await crew.stop()
    await gateway.close()
    server.close()
  }
}

/** The worker that users have without a gateway. */
async function inProcess(broker: Broker): Promise<() => Promise<void>> {
  const client = createClient(broker)
  const noop = defineTask({ name: 'noop', run: () => hrtime.bigint().toString() })
  const worker = new Worker({ broker: client, tasks: [noop], queues: ['bench'], concurrency: 100 })
  await worker.start()
  return () => worker.stop()
}

/** Sends while the queue rests, and times how its tasks go out and come back settled. */
async function drained(broker: Broker, count: number): Promise<number> {
  await broker.admin?.pauseQueue('bench')
  const ids = await send(broker, count, `drain-${count}`)
  const last = broker.results.wait(ids.at(-1) ?? '')
  const started = performance.now()
  await broker.admin?.resumeQueue('bench')
  await last
  // What asks a store in memory without a pause lets nobody else answer.
  while ((await broker.admin?.find({ states: ['running', 'pending'], limit: 1 }))?.tasks.length !== 0) await turn()
  return perSecond(count, started)
}

async function send(broker: Broker, count: number, prefix: string): Promise<readonly string[]> {
  const messages = Array.from({ length: count }, (_, n) => ({
    ...{ id: `${prefix}-${n}`, name: 'noop', queue: 'bench', priority: 4, input: payload },
  }))
  await broker.tasks.send(messages)
  return messages.map(({ id }) => id)
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
