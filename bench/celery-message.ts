/** A task message of Celery's, written by hand for the raw clients: what every member of a cluster sends and gets. */
import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { hrtime } from 'node:process'

export interface RawTask {
  readonly id: string
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

export function rawTask(task: string, input: object): RawTask {
  const id = randomUUID()
  const headers = {
    ...{ lang: 'py', task, id, shadow: null, eta: null, expires: null, group: null, group_index: null, retries: 0 },
    ...{ timelimit: [null, null], root_id: id, parent_id: null, argsrepr: '()', kwargsrepr: JSON.stringify(input) },
    ...{ origin: 'raw@bench', ignore_result: null, replaced_task_nesting: 0, stamped_headers: null, stamps: {} },
  }
  return { id, headers, body: JSON.stringify([[], input, { callbacks: null, errbacks: null, chain: null, chord: null }]) }
}

/** Runs one of the two tasks; answers its result as a record. */
export function runRaw(task: unknown, id: unknown, body: string): string {
  const [, input] = JSON.parse(body) as [unknown, { port?: number }]
  if (task === 'mark') connect(input.port ?? 0, '127.0.0.1').end(hrtime.bigint().toString())
  return JSON.stringify({ task_id: id, status: 'SUCCESS', result: null, traceback: null, children: [] })
}
