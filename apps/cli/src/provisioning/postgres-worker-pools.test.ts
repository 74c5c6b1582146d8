/** One pool of two servers on PostgreSQL, as on two machines: bounds kept together, either may be killed with -9. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startPostgres } from '@lovage/services'
import { type Client, connect } from 'lovage'
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type LovageCommand, LovageFolder, tasksFile } from '../fixtures/lovage-command.ts'

const patience = { timeout: 60_000, interval: 100 }
const postgres = await startPostgres()
afterAll(() => postgres.stop())

let folder: LovageFolder
let broker: Client
let url: string
beforeEach(async () => {
  folder = await LovageFolder.make()
  url = await postgres.database()
  broker = await connect(url)
})
afterEach(async () => {
  await folder.close()
  await broker.close()
})

async function serve(): Promise<LovageCommand> {
  const args = ['server', '--pool', tasksFile, '--workers', '1..3', '-c', '1', '--port', '0', '--idle-timeout', '2s']
  const server = folder.start(args, { environment: { LOVAGE_BROKER: url } })
  await server.says(/server ready/)
  return server
}

const live = async () => (await broker.admin?.pools.workers('tasks'))?.filter(({ state }) => state !== 'stopped') ?? []

test('together they keep the bounds; what one has launched ends with it, and the other goes on', {
  timeout: 240_000,
}, async () => {
  const first = await serve()
  const files = ['a', 'b', 'c', 'd', 'e'].map((name) => join(folder.path, name))
  const tasks = await broker.sendMany(files.map((file) => ({ task: 'holds', input: { file } })))
  const states = async () => (await live()).map(({ state }) => state)
  await vi.waitFor(async () => expect(await states()).toEqual(['running', 'running', 'running']), patience)
  const second = await serve()
  first.signal('SIGKILL')
  await vi.waitFor(async () => expect(await states()).toEqual(['stopping', 'stopping', 'stopping']), patience)
  // All places are taken until those that drain have ended.
  expect(second.output).not.toContain('worker launched')
  for (const file of files.slice(0, 3)) await writeFile(file, '')
  await second.says(/worker launched/)
  for (const file of files.slice(3)) await writeFile(file, '')
  for (const task of tasks) expect(await task.result({ timeout: '60s' })).toBe('let go')
  const records = (await broker.admin?.get(tasks.map(({ id }) => id))) ?? []
  expect(records.map((record) => [record?.run, record?.lost])).toEqual(tasks.map(() => [0, 0]))
  await vi.waitFor(async () => expect(await states()).toEqual(['running']), patience)
})
