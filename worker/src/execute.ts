/** Runs a handler once: binds and validates its input, hands it a context, and turns whatever happens into a JobEnd. */
import { type AnyTask, bindParams, type DeliveredMessage, failureFrom, LovageError, type Schema, validate } from '@lovage/core'
import type { Abort } from './abort.ts'
import { ControlThrow } from './control-throw.ts'
import type { Job, JobEnd, JobHooks } from './pool.ts'
import { RunContext } from './run-context.ts'

/** Never rejects. Every pool ends here, in whatever thread or process. */
export async function execute(definition: AnyTask, job: Job, hooks: JobHooks, abort: Abort): Promise<JobEnd> {
  let phase: Phase = 'input'
  try {
    let input = boundInput(definition, job.message)
    if (definition.input !== undefined) input = await validInput(definition, input, job.message.input === null)
    // Who stopped the run while its input was looked at does not want it to begin.
    if (abort.reason !== undefined) throw abort.reason
    phase = 'handler'
    let value = definition.run(input as never, new RunContext(job, hooks, abort, definition))
    if (isThenable(value)) value = await value
    if (definition.output !== undefined) {
      phase = 'output'
      value = await validate(definition.output, value, { code: 'OUTPUT_INVALID', task: definition.name })
    }
    return { type: 'returned', value }
  } catch (thrown) {
    return phase === 'handler' ? endOf(thrown) : unfit(phase, thrown)
  }
}

/** What a run is at: the same error means something else in each. */
type Phase = 'input' | 'handler' | 'output'

/**
 * The one input of a handler: the sender's (null is JSON's word for none), or, where only arguments came (callers of other languages), the named ones
 * together with the positional ones under the names of `params`.
 * @throws {TaskError} INPUT_INVALID for arguments that no parameter takes, or two values for one
 */
export function boundInput(definition: AnyTask, message: DeliveredMessage): unknown {
  const { input, args, kwargs } = message
  if (input !== undefined && input !== null) return input
  if (args === undefined && kwargs === undefined) return undefined
  if (definition.params !== undefined) return bindParams(definition.params, args, kwargs)
  return kwargs !== undefined && Object.keys(kwargs).length > 0 ? kwargs : undefined
}

/** A schema that wants null and nothing else gets it; any other sees that there is no input. */
async function validInput(definition: AnyTask, input: unknown, maybeNull: boolean): Promise<unknown> {
  const schema = definition.input as Schema<unknown, unknown>
  const what = { code: 'INPUT_INVALID', task: definition.name } as const
  if (input !== undefined || !maybeNull) return validate(schema, input, what)
  try {
    return await validate(schema, undefined, what)
  } catch (error) {
    return validate(schema, null, what).catch(() => Promise.reject(error))
  }
}

function unfit(phase: 'input' | 'output', thrown: unknown): JobEnd {
  const failure = failureFrom(thrown)
  if (phase === 'input' && LovageError.is(thrown, 'INPUT_INVALID')) return { type: 'invalid', failure }
  if (phase === 'output' && LovageError.is(thrown, 'OUTPUT_INVALID')) return { type: 'misfit', failure }
  return { type: 'threw', failure }
}

function endOf(thrown: unknown): JobEnd {
  if (!ControlThrow.is(thrown)) return { type: 'threw', failure: failureFrom(thrown) }
  const { order } = thrown
  if (order.type === 'cancel') return { type: 'cancel', message: order.message }
  return {
    type: 'retry',
    delayMs: order.delayMs,
    failure: order.cause === undefined ? undefined : failureFrom(order.cause),
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
