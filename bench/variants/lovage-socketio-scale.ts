/** 2,000 workers at one gateway: how long until all are registered, and what each of them takes of the gateway's memory. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createGateway } from '@lovage/broker-socketio'
import { createQueueBroker } from '@lovage/queue'
import { memoryBackend } from '@lovage/store-memory'
import { Server } from 'socket.io'
import { hire } from '../socketio-crew.ts'
import type { Variant } from '../variant.ts'

const workers = 2000

export const run: Variant = async ({ settings }) => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const isBare = settings.bare !== undefined
  const end = isBare ? bare(server) : await gateway(server)
  const before = megabytes()
  const started = performance.now()
  const crew = await hire(isBare ? 'bare' : 'idle', `http://127.0.0.1:${(server.address() as AddressInfo).port}`, workers, 1)
  const seconds = (performance.now() - started) / 1000
  const taken = megabytes() - before
  await crew.stop()
  await end()
  return { workers, 'all there s': Number(seconds.toFixed(2)), 'KB per worker': Math.round((taken * 1024) / workers) }
}

function bare(server: ReturnType<typeof createServer>): () => Promise<void> {
  const io = new Server(server, { serveClient: false, pingInterval: 5000, pingTimeout: 5000 })
  return () => io.close()
}

async function gateway(server: ReturnType<typeof createServer>): Promise<() => Promise<void>> {
  const broker = await createQueueBroker({ ...memoryBackend(), maintain: 'always' })
  const { desk, admin } = broker
  const opened = createGateway({ server, desk, admin, drain: 0, connectRate: 0 })
  return async () => {
    await opened.close()
    server.close()
    await broker.close()
  }
}

/** The whole process, once its garbage is collected. */
function megabytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let i = 0; i < 3; i++) collect()
  return process.memoryUsage().rss / 1024 / 1024
}
