/** A worker in a process of its own, for what is measured across processes: `node bench/worker-process.ts URL`; talks over IPC. */
import { cpuUsage, hrtime, resourceUsage } from 'node:process'
import { connect, defineTask, Worker } from 'lovage'

const broker = await connect(process.argv[2] ?? '')
let count = 0
const noop = defineTask({
  name: 'noop',
  async run() {
    count++
  },
})
/** Answers when its handler started, on the clock that all processes of a machine share. */
const probe = defineTask({ name: 'probe', run: () => hrtime.bigint().toString() })
const worker = new Worker({ broker, tasks: [noop, probe] })
await worker.start()
process.on('message', (question) => {
  if (question === 'stop') {
    void stop()
  } else {
    const { user, system } = cpuUsage()
    process.send?.({ count, cpuMs: (user + system) / 1000, peakMb: resourceUsage().maxRSS / 1024 })
  }
})
process.send?.('ready')

async function stop(): Promise<void> {
  await worker.stop()
  await broker.close()
  process.disconnect()
}
