/** Signs up the addresses it is given, and stays up to send their mails until Ctrl-C. */
import { resolve } from 'node:path'
import { type Client, connect, handleSignals, LovageError, Worker } from 'lovage'
import { defineMails, scheduleDigest, signUp } from './mails.ts'
import { openOutbox } from './outbox.ts'

const addresses = process.argv.slice(2)
const mails = defineMails(await openOutbox(resolve('outbox')))

async function signUpAll(client: Client): Promise<void> {
  const tasks = []
  for (const to of addresses) {
    const task = await signUp(client, mails, to)
    console.log(task.status === 'sent' ? `signed up ${to}` : `${to} was signed up before`)
    tasks.push(task)
  }
  // Without addresses the schedule stays as it is.
  if (addresses.length > 0) await scheduleDigest(client, mails, [...new Set(addresses)])
  // Only for the list below: a mail that does not go out now is tried again later.
  await Promise.allSettled(tasks.map((task) => task.result({ timeout: '5s' })))
}

async function showPlans(client: Client): Promise<void> {
  const time = (at = 0) => new Date(at).toISOString()
  for (const { name, nextAt } of await client.schedules.list()) console.log(`${name} at ${time(nextAt)}`)
  const { tasks } = await client.find({ states: ['scheduled'], order: 'oldest' })
  for (const { name, key, dueAt } of tasks) console.log(`${name} to ${key} at ${time(dueAt)}`)
}

async function run(): Promise<void> {
  const client = await connect(process.env.LOVAGE_BROKER ?? 'sqlite:./lovage.db')
  const worker = new Worker({ broker: client, tasks: mails })
  const exit = new Promise<void>((done) => worker.once('exit', done))
  const endSignals = handleSignals(worker, process)
  try {
    await worker.start()
    await signUpAll(client)
    await showPlans(client)
    console.log('up until Ctrl-C')
    await exit
  } finally {
    await worker.stop()
    await client.close()
    endSignals()
  }
}

await run().catch((error: unknown) => {
  console.error(LovageError.is(error) ? error.message : error)
  process.exitCode = 1
})
