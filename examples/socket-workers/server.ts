/** The server of the story: a queue, the gateway where its workers come in, and the page that is one of them. `server.ts [PORT]` */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createGateway } from '@lovage/broker-socketio'
import { connect } from 'lovage'
import { build } from 'vite'

const [port = '4600'] = process.argv.slice(2)
const html = '<!doctype html><title>A worker</title><h1>A worker</h1><ol></ol><script type="module" src="/worker.js"></script>'

/** The page's script, as a browser runs it. */
async function bundledWorker(): Promise<string> {
  const lib = { entry: join(import.meta.dirname, 'page/worker.ts'), formats: ['es' as const] }
  const [bundle] = [await build({ configFile: false, logLevel: 'warn', build: { write: false, lib } })].flat()
  const output = bundle !== undefined && 'output' in bundle ? bundle.output : []
  return output.map((part) => ('code' in part ? part.code : '')).join('')
}

const script = await bundledWorker()
const server = createServer(({ url = '' }, response) => {
  const isScript = url === '/worker.js'
  response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
  response.end(isScript ? script : html)
})
const broker = await connect('memory:')
const gateway = createGateway({ server, desk: broker.desk, admin: broker.admin, events: broker.events })
await new Promise<void>((done) => server.listen(Number(port), '127.0.0.1', done))
console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`)

/** What is to be done, by the queue of whoever does it. */
const wishes = {
  digest: { text: 'Ada Lovelace' },
  primes: { below: 200_000 },
  chart: { title: 'Primes', values: [4, 21, 135, 1033] },
}
const ends = Object.entries(wishes).map(async ([queue, input]) => {
  const task = await broker.send(queue, input, { queue })
  console.log(`${queue}: ${JSON.stringify(await task.result()).slice(0, 80)}`)
})
await Promise.all(ends)
await gateway.close()
await broker.close()
server.close()
