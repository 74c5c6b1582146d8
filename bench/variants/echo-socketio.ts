/** The ceiling of a gateway: a bare socket.io server emits the same frames to bare clients, which acknowledge each with its result. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { cpuUsage, hrtime } from 'node:process'
import { Server, type Socket } from 'socket.io'
import { hire, payload } from '../socketio-crew.ts'
import { cpuPerTask, percentiles, perSecond, type Variant } from '../variant.ts'

const most = 20_000
const warmUp = 4000

export const run: Variant = async (job) => {
  const { workers = '10', capacity = '10' } = job.settings
  const server = createServer()
  const io = new Server(server, { serveClient: false, pingInterval: 5000, pingTimeout: 5000 })
  const sockets: Socket[] = []
  io.on('connection', (socket) => sockets.push(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const crew = await hire('echo', `http://127.0.0.1:${(server.address() as AddressInfo).port}`, Number(workers), Number(capacity))
  await echoed(sockets, Number(capacity), warmUp)
  const began = cpuUsage()
  const started = performance.now()
  const tasks = Math.min(job.tasks, most)
  await echoed(sockets, Number(capacity), tasks)
  const rate = perSecond(tasks, started)
  const cpu = cpuPerTask(began, tasks)
  const starts: number[] = []
  const results: number[] = []
  for (let i = 0; i < job.probes; i++) {
    const sent = hrtime.bigint()
    const result = await ask(sockets[i % sockets.length] as Socket, i)
    results.push(Number(hrtime.bigint() - sent) / 1e6)
    starts.push(Number(BigInt(result) - sent) / 1e6)
    await new Promise((resolve) => setTimeout(resolve, 4))
  }
  await crew.stop()
  await io.close()
  const [start, result] = [percentiles(starts), percentiles(results)]
  return { 'tasks/s': rate, 'CPU us': cpu, 'start p50 ms': start.p50, 'start p99 ms': start.p99, 'result p50 ms': result.p50 }
}

/** So many on each socket at a time. */
async function echoed(sockets: readonly Socket[], capacity: number, count: number): Promise<void> {
  let next = 0
  const lane = async (socket: Socket): Promise<void> => {
    while (next < count) await ask(socket, next++)
  }
  await Promise.all(sockets.flatMap((socket) => Array.from({ length: capacity }, () => lane(socket))))
}

/** The frame of a task as the gateway sends it. */
function ask(socket: Socket, n: number): Promise<string> {
  const lease = { id: 'run-0', expires: new Date().toJSON(), heartbeatMs: 10_000 }
  const frame = { id: `drain-20000-${n}`, properties: payload, queue: 'bench', attempt: 1, maxAttempts: 5, lease }
  return new Promise((resolve) => socket.emit('worker.task', frame, ({ results }: { results: string }) => resolve(results)))
}
