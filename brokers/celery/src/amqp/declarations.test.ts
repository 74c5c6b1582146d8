/** What RabbitMQ refuses to declare, and what to do then. */
import { expect, test } from 'vitest'
import { refusal } from './declarations.ts'
import { taskQueue } from './fixtures/world.ts'
import { taskQueueDeclaration } from './topology.ts'

const closed = 'Channel closed by server: 406 (PRECONDITION-FAILED) with message'

test.for([
  [
    `"PRECONDITION_FAILED - inequivalent arg 'x-max-priority'"`,
    /; declare it with the flags and arguments that it has .*, or delete it$/,
  ],
  [`"PRECONDITION_FAILED - invalid arg 'x-max-priority'"`, /; leave the argument out, or give it another value$/],
] as const)('%s', ([said, cure]) => {
  const error = refusal(taskQueueDeclaration(taskQueue('q')), Object.assign(new Error(`${closed} ${said}`), { code: 406 }))
  expect(error).toMatchObject({ code: 'QUEUE_MISMATCH', message: expect.stringMatching(cure) })
})
