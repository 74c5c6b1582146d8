/** Many workers at one gateway: all at once, all again after all were cut off, none with more than it has room for. */
import { Server } from 'socket.io'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { GatewayWorld, job } from './fixtures/gateway-world.ts'
import { Program } from './fixtures/program.ts'

const workers = 2000
const capacity = 2
const tasks = 6000
/** Of a test that moves thousands of connections, on a machine that does other things as well. */
const longMs = 240_000

let world: GatewayWorld
let crowd: Program
beforeEach(() => {
  world = new GatewayWorld()
})
afterEach(async () => {
  crowd.kill('SIGKILL')
  await world.close()
})

test('2,000 workers that come at once, are cut off and come back run every task once', { timeout: longMs }, async () => {
  const io = new Server()
  const place = await world.place({ server: io, connectRate: 0, grace: '2 minutes' })
  io.attach(place.server)
  const words = [place.url, workers, capacity, 'w', 2000].map(String)
  crowd = new Program('crowd-process.ts', ...words)
  expect(await crowd.line(longMs)).toBe('connected')
  expect(place.gateway.sessions()).toHaveLength(workers)
  const ids = Array.from({ length: tasks }, (_, n) => `t${n}`)
  await place.broker.tasks.send(ids.map((id) => job(id)))
  await expect
    .poll(() => place.gateway.sessions().filter(({ running }) => running.length > 0).length)
    .toBeGreaterThan(workers / 2)
  for (const socket of io.of('/').sockets.values()) socket.conn.close()
  await Promise.all(ids.map((id) => place.broker.results.wait(id)))
  const stored = (await place.broker.admin?.get(ids)) ?? []
  expect(stored.filter((task) => task?.state === 'completed' && task.lost === 0 && task.result === `"${task.id}"`)).toHaveLength(
    tasks,
  )
  crowd.kill('SIGTERM')
  expect(JSON.parse(await crowd.line(longMs))).toEqual({ starts: tasks, tasks, most: capacity })
})
