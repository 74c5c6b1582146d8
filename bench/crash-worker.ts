/** A worker for what is measured about crashes: `node bench/crash-worker.ts URL [SIGNAL]`; tells over IPC when the task starts. */
import { hrtime } from 'node:process'
import { connect, defineTask, Worker } from 'lovage'

const [url = '', signal] = process.argv.slice(2)
const broker = await connect(url, { signal: signal === '' ? undefined : signal })
/** Never ends. */
const hold = defineTask({
  name: 'hold',
  async run(_, { signal: stop }) {
    process.send?.(hrtime.bigint().toString())
    await new Promise((resolve) => stop.addEventListener('abort', resolve))
  },
})
const worker = new Worker({ broker, tasks: [hold], concurrency: 1, name: `w${process.pid}@bench` })
worker.on('error', () => {})
await worker.start()
process.send?.('ready')
process.on('disconnect', () => process.exit(0))
