/** Starts the service and, unless told otherwise, a worker beside it; a signal ends both without losing anything. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { connect, Worker } from 'lovage'
import { createService } from './service.ts'
import { summarize } from './tasks.ts'

const { values } = parseArgs({
  options: { port: { type: 'string', default: '8080' }, 'no-worker': { type: 'boolean', default: false } },
})
const client = await connect(process.env.LOVAGE_BROKER ?? 'sqlite:./lovage.db')
const worker = values['no-worker'] ? undefined : new Worker({ broker: client, tasks: [summarize] })
const closing = new AbortController()
const server = createService(client, closing.signal)
// The first signal ends gently; a second one does not wait for handlers, whose tasks go back.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => (closing.signal.aborted ? void worker?.stop({ cold: true }) : closing.abort()))
}
try {
  await worker?.start()
  await once(server.listen(Number(values.port), '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  console.log(`http://127.0.0.1:${port}  ${worker === undefined ? 'no worker here' : worker.name}`)
  if (!closing.signal.aborted) await once(closing.signal, 'abort')
  console.log('closing: no new requests; what runs is waited for')
} finally {
  const closed = server.listening ? once(server, 'close') : undefined
  server.close()
  // Every answer is given by then; what is left are requests that are not sent to their end.
  setTimeout(() => server.closeAllConnections(), 1000).unref()
  await Promise.all([closed, worker?.stop()])
  await client.close()
  console.log('closed')
}
