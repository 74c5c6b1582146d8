/** The entry of a process of the pool: leashed to its parent, deaf to the signals that the parent answers. */
import { failureFrom } from '@lovage/core'
import { serve } from './child.ts'
import type { FromChild } from './protocol.ts'
import { dieWithParent } from './watchdog.ts'

dieWithParent(4)

// Ctrl-C and a closed terminal reach the whole process group; what becomes of the runs is the worker's decision.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGHUP'] as const) process.on(signal, () => {})

const post = (text: string) => void process.send?.(text, () => {})

process.on('uncaughtExceptionMonitor', (error) => {
  post(JSON.stringify({ type: 'uncaught', failure: failureFrom(error) } satisfies FromChild))
})
process.on('disconnect', () => process.exit())

serve({ post, listen: (listener) => process.on('message', listener) })
