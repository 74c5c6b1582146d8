/** Lovage in a Celery cluster, as its users have it: the per-task API with confirmed sends, and one worker process with default settings. */
import { hrtime } from 'node:process'
import { connect } from 'lovage'
import { forkWorker, measure } from '../celery-member.ts'
import { sendRate, type Variant } from '../variant.ts'

export const run: Variant = async (job) => {
  const { url = '', results } = job.settings
  const broker = await connect(url, { results })
  const send = (name: string, input: object): Promise<unknown> => broker.send(name, input)
  try {
    return await measure(
      {
        fill: (tasks) => sendRate({ ...job, tasks }, (i) => send('noop', { i })),
        async mark(port) {
          const now = hrtime.bigint()
          await send('mark', { port })
          return now
        },
        startWorker: () =>
          forkWorker(new URL('../celery-worker.js', import.meta.url), results === undefined ? [url] : [url, results]),
      },
      job,
    )
  } finally {
    await broker.close()
  }
}
