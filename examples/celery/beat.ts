/** What `celery beat` does, without a single process that must be there: as many of these as you like fire each schedule once. */
import { type CeleryClient, type Client, connect, connectCelery, defineTask, handleSignals, Worker } from 'lovage'
import { place } from './python.ts'

/** A task for Python's workers, or for any in the cluster. */
interface Firing {
  readonly task: string
  readonly args?: readonly unknown[]
  readonly queue?: string
}

/** Sends on. The id names the firing, so that a second run of this handler after a crash can be told from a second firing. */
const sendTo = (cluster: CeleryClient) =>
  defineTask({
    name: 'cluster.send',
    retry: { limit: 10, maxDelay: '1m' },
    async run({ task, args = [], queue }: Firing, { id }) {
      await cluster.send(task, undefined, { id, args, queue })
      console.log(`sent ${task} as ${id}`)
    },
  })

async function schedule(beat: Client, cluster: CeleryClient, every: string): Promise<Worker> {
  const send = sendTo(cluster)
  const lines = [{ count: 1, cents: 100 }]
  await beat.schedules.add({ name: 'total', every, task: send, input: { task: 'prices.total', args: [lines] }, missed: 'skip' })
  const worker = new Worker({ broker: beat, tasks: [send], name: `beat-${process.pid}` })
  await worker.start()
  return worker
}

const [every = '10s'] = process.argv.slice(2)
// The lock is the file, or the database: postgres://... for several machines.
const beat = await connect(process.env.LOVAGE_BROKER ?? 'sqlite:./beat.db')
const cluster = await connectCelery(place.CELERY_BROKER_URL)
const worker = await schedule(beat, cluster, every)
const exit = new Promise<void>((done) => worker.once('exit', done))
handleSignals(worker, process)
console.log('up until Ctrl-C')
await exit
await Promise.all([beat.close(), cluster.close()])
