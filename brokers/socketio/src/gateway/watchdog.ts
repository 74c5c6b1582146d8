/** Ends what computes for too long: other people's schemas and patterns run on the thread that serves everybody. */
import { createContext, Script } from 'node:vm'
import { accepted, type Decoded } from '../wire/reader.ts'

const entry = new Script('run()')
let context: { run: () => unknown } | undefined

/**
 * Runs a function that only computes, and ends it in its middle when it takes longer: neither endless loops nor patterns that try
 * everything hold up the thread. Costs some tenths of a millisecond.
 * @throws what the function throws
 */
export function computedWithin<Value>(ms: number, compute: () => Value): Decoded<Value> {
  context ??= createContext({ run: compute }) as { run: () => unknown }
  context.run = compute
  try {
    return accepted(entry.runInContext(context, { timeout: ms }) as Value)
  } catch (thrown) {
    if ((thrown as { code?: unknown } | null)?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw thrown
    return { ok: false, reason: `not done within ${ms} ms` }
  } finally {
    context.run = () => undefined
  }
}
