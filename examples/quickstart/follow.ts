/** Follows a scan until its report is there. */
import type { Client } from 'lovage'
import { type Screen, showProgress } from './progress.ts'
import type { Report } from './report.ts'
import type { Scan } from './scan.ts'

/** What a worker tells when a task is over. */
const overEvents = ['task-succeeded', 'task-failed', 'task-rejected', 'task-revoked']
const overStates = new Set(['completed', 'failed', 'exception'])

/** Shows progress while the files are measured, whichever worker measures them, and answers the report. */
export async function follow(client: Client, scan: Scan, screen: Screen): Promise<Report> {
  const total = scan.measures.length
  const waiting = new Set(scan.measures)
  const progress = showProgress(screen, total)
  const show = () => progress.show(total - waiting.size)
  // Listening begins before asking, so that nothing falls between the two.
  const endCapture = await client.capture(overEvents, ({ id }) => {
    if (waiting.delete(String(id))) show()
  })
  try {
    for (const { id, state } of await client.results.get(scan.measures)) if (overStates.has(state)) waiting.delete(id)
    show()
    const report = await scan.report.result()
    // An event may be lost; the report is not.
    progress.show(total)
    return report
  } finally {
    progress.end()
    await endCapture()
  }
}
