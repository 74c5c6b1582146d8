/** Servers on one store that are replaced and killed under load, behind a balancer of TCP: Workers move over with what they run. */
import { once } from 'node:events'
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { type Client, connect } from 'lovage'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type LovageCommand, LovageFolder, tasksFile } from './fixtures/lovage-command.ts'
import { add } from './fixtures/tasks.ts'

/** Sent before each step. */
const wave = 400

let folder: LovageFolder
let client: Client
let balancer: Server
let ports: readonly number[]
beforeEach(async () => {
  folder = await LovageFolder.make()
  client = await connect(`sqlite:${join(folder.path, 'lovage.db')}`)
  let turn = 0
  balancer = createServer((near) => carry(near, dial(ports[turn++ % ports.length] ?? 0, '127.0.0.1'))).listen(0, '127.0.0.1')
  await once(balancer, 'listening')
})
afterEach(async () => {
  balancer.close()
  await client.close()
  await folder.close()
})

function carry(near: Socket, far: Socket): void {
  for (const [one, other] of [
    [near, far],
    [far, near],
  ] as const) {
    one.on('error', () => {})
    one.on('close', () => other.destroy())
    one.pipe(other)
  }
}

async function serve(): Promise<{ readonly process: LovageCommand; readonly port: number }> {
  const process = folder.start(['server', '--port', '0'])
  return { process, port: Number((await process.says(/url +http:\S+:(\d+)/))[1]) }
}

async function work(name: string): Promise<void> {
  const url = `http://127.0.0.1:${(balancer.address() as AddressInfo).port}`
  const worker = folder.start(['worker', tasksFile, '-b', url, '-n', `${name}@far`, '-c', '4'])
  await worker.says(/worker ready[\s\S]*pool/)
}

test('two servers are replaced under load, one by one and by force: nothing is lost, nothing runs twice', {
  timeout: 120_000,
}, async () => {
  let [here, there] = [await serve(), await serve()]
  ports = [here.port, there.port]
  await work('one')
  await work('two')
  const ids: string[] = []
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const next = await serve()
    const sent = await Promise.all(Array.from({ length: wave }, (_, n) => client.send(add, { a: ids.length + n, b: 1 })))
    ids.push(...sent.map(({ id }) => id))
    await sent[20]?.result()
    ports = [there.port, next.port]
    here.process.signal(signal)
    expect(await here.process.ended).toMatchObject(signal === 'SIGTERM' ? { code: 0 } : { signal })
    ;[here, there] = [there, next]
  }
  const stored = async () => (await client.admin?.get(ids)) ?? []
  // A server that is killed takes along the word of what it has just written, so that the store itself is asked.
  const results = ids.map((_, n) => String(n + 1))
  await vi.waitFor(async () => expect((await stored()).map((task) => task?.result)).toEqual(results), { timeout: 60_000 })
  const tasks = await stored()
  // What a killed server had taken for its workers and not handed over goes back.
  expect(tasks.flatMap((task) => task?.runs.map(({ outcome }) => outcome)).filter((how) => how !== 'released')).toEqual([])
})
