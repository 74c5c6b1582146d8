/** What `celery beat` does, without a single process that must be there: as many of these as you like fire each schedule once. */
import { connect, connectCelery, createForwarder, handleSignals } from 'lovage'
import { place } from './python.ts'

const [every = '10s'] = process.argv.slice(2)
// The lock is the file, or the database: postgres://... for several machines.
const beat = await connect(process.env.LOVAGE_BROKER ?? 'sqlite:./beat.db')
const cluster = await connectCelery(place.CELERY_BROKER_URL)

// For a task of Python's, positional arguments and all.
const lines = [{ count: 1, cents: 100 }]
await beat.schedules.add({ name: 'total', every, task: 'prices.total', args: [lines], missed: 'skip' })

// Sends on whatever comes into the queue, schedules fired among it.
const forwarder = createForwarder({ from: beat, to: cluster, name: `beat-${process.pid}` })
forwarder.on('task-succeeded', ({ id, name }) => console.log(`sent ${name} as ${id}`))
const exit = new Promise<void>((done) => forwarder.once('exit', done))
await forwarder.start()
handleSignals(forwarder, process)
console.log('up until Ctrl-C')
await exit
await Promise.all([beat.close(), cluster.close()])
