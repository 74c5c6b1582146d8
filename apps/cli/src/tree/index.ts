/** The tree of commands, in the order in which help lists them. */
import { doctor, migrate } from './care.ts'
import type { CommandSpec, Example } from './command-spec.ts'
import { example } from './command-spec.ts'
import { forward } from './forwarding.ts'
import { pool } from './pools.ts'
import { server, up, worker } from './running.ts'
import { queue, schedule } from './schedules.ts'
import { cancel, result, retry, send, show, tasks } from './tasks.ts'
import { token } from './tokens.ts'
import { control, events, inspect, status } from './watching.ts'

export const commandSpecs: readonly CommandSpec[] = [
  up,
  worker,
  server,
  forward,
  send,
  result,
  show,
  tasks,
  cancel,
  retry,
  schedule,
  queue,
  pool,
  token,
  status,
  inspect,
  control,
  events,
  migrate,
  doctor,
]

/** The examples of `lovage --help`. */
export const rootExamples: readonly Example[] = [
  example('lovage up tasks.ts', 'queue, worker and HTTP server from one SQLite file'),
  example(
    `lovage send images.resize '{"url":"https://example.org/a.png","width":320}' --wait`,
    'run a task and print its result',
  ),
  example('lovage status', 'who works, and what waits'),
]
