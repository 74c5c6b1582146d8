/**
 * Lovage's worker in a Celery cluster: `node bench/celery-worker.js BROKER [RESULTS]`; talks over IPC. In JavaScript, on what `tsc -b` made,
 * as users have it: Node's reader of TypeScript takes memory of its own.
 */
import { realpathSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { connect as dial } from 'node:net'
import { argv, hrtime } from 'node:process'
import { pathToFileURL } from 'node:url'

const entries = new Map()
registerHooks({
  resolve(name, context, next) {
    if (!/^(@lovage\/[^/]+|lovage)$/.test(name)) return next(name, context)
    if (!entries.has(name)) {
      const folder = realpathSync(new URL(`../node_modules/${name}`, import.meta.url))
      entries.set(name, pathToFileURL(`${folder}/dist/index.js`).href)
    }
    return { url: entries.get(name), shortCircuit: true }
  },
})
const { connect, defineTask, Worker } = await import('lovage')

const [, , url = '', results] = argv
const broker = await connect(url, results === undefined ? {} : { results })
const noop = defineTask({ name: 'noop', run: () => null })
/** Tells when it began, on the clock that all processes of a machine share. */
const mark = defineTask({
  name: 'mark',
  run: ({ port }) => void dial(port, '127.0.0.1').end(hrtime.bigint().toString()),
})
const worker = new Worker({ broker, tasks: [noop, mark] })
await worker.start()
process.on('message', async () => {
  await worker.stop()
  await broker.close()
  process.disconnect()
})
process.send?.('ready')
