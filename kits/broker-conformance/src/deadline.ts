/** Waiting for what must happen, and not for ever. */
import { BugError } from '@lovage/core'
import type { BrokerTools } from './broker-case.ts'

/** How long anything may take that is bound to happen, in milliseconds: generous, for slow machines and real brokers. */
const patienceMs = 10_000

/** @throws {BugError} BUG when the promise has not settled in time */
export async function within<Value>(promise: Promise<Value>, what: string): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const error = new BugError('BUG', `expected ${what} within ${patienceMs} ms, got nothing`)
    timer = setTimeout(() => reject(error), patienceMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Lets so much of the broker's time pass. */
export function pass(tools: BrokerTools, ms: number): Promise<void> {
  return tools.pass?.(ms) ?? new Promise((elapsed) => setTimeout(elapsed, ms))
}
