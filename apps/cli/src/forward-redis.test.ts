/** `lovage forward` from a file to a Celery cluster on Redis: one is killed in the middle, and Redis is away for a while. */
import { join } from 'node:path'
import { type PrivateRedis, startRedis } from '@lovage/services'
import { type Client, connect, defineTask, Worker } from 'lovage'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { deadlineMs, LovageFolder } from './fixtures/lovage-command.ts'

let server: PrivateRedis
let database = 0
let folder: LovageFolder
let url: string
let outbox: Client
beforeAll(async () => {
  server = await startRedis({ durable: true })
}, 60_000)
afterAll(() => server?.stop())
beforeEach(async () => {
  folder = await LovageFolder.make()
  url = `${server.url}/${database++}`
  outbox = await connect(`sqlite:${join(folder.path, 'outbox.db')}`)
})
afterEach(async () => {
  await outbox.close()
  await folder.close()
})

/** Puts tasks into the file. */
async function put(count: number): Promise<readonly string[]> {
  const requests = Array.from({ length: count }, (_, n) => ({ task: 'job', input: { n }, options: { retryLimit: 0 } }))
  return (await outbox.sendMany(requests)).map(({ id }) => id)
}

async function startForwarder(...words: readonly string[]) {
  const forwarder = folder.start(['forward', '--to', url, '-b', 'sqlite:outbox.db', '--loglevel', 'warn', ...words])
  await forwarder.says(/forward ready/)
  return forwarder
}

/** A worker of the cluster that keeps the ids of what comes. */
async function collect() {
  const cluster = await connect(url)
  const ids: string[] = []
  let wake = () => {}
  const job = defineTask({
    name: 'job',
    run(_: unknown, { id }) {
      ids.push(id)
      wake()
    },
  })
  const worker = new Worker({ broker: cluster, tasks: [job], concurrency: 100 })
  await worker.start()
  return {
    ids,
    /** Resolves when so many different ones have come. */
    async some(count: number) {
      while (new Set(ids).size < count) await new Promise<void>((resolve) => (wake = resolve))
    },
    async close() {
      await worker.stop({ cold: true })
      await cluster.close()
    },
  }
}

const rows = async (ids: readonly string[]) => (await outbox.admin?.get(ids)) ?? []
const states = async (ids: readonly string[]) => new Set((await rows(ids)).map((row) => row?.state))

test('one that is killed in the middle loses none: another sends what it had not settled', { timeout: 60_000 }, async () => {
  const collector = await collect()
  try {
    const count = 3000
    const ids = await put(count)
    // Few at once, so that there is a middle.
    const killed = await startForwarder('-c', '10')
    await collector.some(1)
    killed.signal('SIGKILL')
    await killed.ended
    const before = await rows(ids)
    const completed = new Set(before.filter((row) => row?.state === 'completed').map((row) => row?.id))
    expect(completed.size).toBeLessThan(count)
    await startForwarder()
    await collector.some(count)
    await vi.waitFor(async () => expect(await states(ids)).toEqual(new Set(['completed'])), { timeout: deadlineMs })
    expect(new Set(collector.ids)).toEqual(new Set(ids))
    const twice = collector.ids.filter((id, place) => collector.ids.indexOf(id) !== place)
    expect(twice.filter((id) => completed.has(id))).toEqual([])
  } finally {
    await collector.close()
  }
})

test('what is sent while Redis is away goes there when it is back, at no cost, but for what is cancelled', {
  timeout: 60_000,
}, async () => {
  const forwarder = await startForwarder()
  await server.crash()
  await forwarder.says(/warn/)
  const ids = await put(300)
  // As many as it holds; the rest stays in the file.
  await vi.waitFor(async () => expect(await states(ids)).toEqual(new Set(['running', 'pending'])), { timeout: deadlineMs })
  const waiting = (await rows(ids)).find((row) => row?.state === 'running')?.id ?? ''
  expect(await outbox.cancel([waiting])).toEqual([true])
  const wanted = ids.filter((id) => id !== waiting)
  // It is heard by the forwarder before Redis is back.
  await vi.waitFor(async () => expect((await rows([waiting]))[0]).toMatchObject({ state: 'exception' }), { timeout: deadlineMs })
  await server.restart()
  const collector = await collect()
  try {
    await collector.some(wanted.length)
    await vi.waitFor(async () => expect(await states(wanted)).toEqual(new Set(['completed'])), { timeout: deadlineMs })
    for (const row of await rows(wanted)) expect(row).toMatchObject({ retries: 0, lost: 0 })
    expect(collector.ids.toSorted()).toEqual(wanted.toSorted())
    forwarder.signal('SIGINT')
    expect(await forwarder.ended).toMatchObject({ code: 0 })
    // That Redis is gone, and that tasks wait if it took longer.
    expect(forwarder.output.match(/warn/g)?.length).toBeLessThanOrEqual(2)
  } finally {
    await collector.close()
  }
})
