/** A Python worker and a TypeScript worker in one cluster; clients and an operator of either language. */
import { chain, signature } from '@lovage/broker-celery'
import { type CeleryClient, connectCelery, Worker } from 'lovage'
import { place, runPython, startPythonWorker } from './python.ts'
import { receipt } from './tasks.ts'

/** Python buys: its own task gives the total, ours the receipt. It was written before the move. */
async function buyInPython(): Promise<void> {
  console.log(`from Python: ${await runPython('shop.py', 'ada@example.org', 'de')}`)
  console.log(`from Python: ${await runPython('shop.py', 'nobody', 'en')}`)
}

/** The same chain, put together in TypeScript. */
async function buyInTypeScript(cluster: CeleryClient): Promise<void> {
  const lines = [{ count: 2, cents: 550 }]
  const total = signature<number>('prices.total', { args: [lines] })
  const bought = await cluster.canvas.apply(chain(total, signature(receipt, { customer: 'bob@example.org' })))
  console.log(`from TypeScript: ${await bought.result({ timeoutMs: 20_000 })}`)
}

/** Python's operator and ours see the same two workers. */
async function lookAround(cluster: CeleryClient): Promise<void> {
  const replies = await cluster.ping({ limit: 2, timeoutMs: 10_000 })
  console.log(`lovage sees: ${replies.map(({ worker }) => worker).sort()}`)
  const status = await runPython('-m', 'celery', '-A', 'shop', 'status', '--timeout', '5')
  console.log(`celery sees: ${[...status.matchAll(/(\S+@\S+): OK/g)].map(([, worker]) => worker).sort()}`)
}

const cluster = await connectCelery(place.CELERY_BROKER_URL, { results: place.CELERY_RESULT_BACKEND })
const worker = new Worker({ broker: cluster, tasks: [receipt], name: 'typescript@shop', queues: ['mails'], events: true })
try {
  await worker.start()
  const stopPython = await startPythonWorker()
  try {
    await buyInPython()
    await buyInTypeScript(cluster)
    await lookAround(cluster)
  } finally {
    await stopPython()
  }
} finally {
  await worker.stop()
  await cluster.close()
}
