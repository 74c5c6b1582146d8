/** The list of all store cases, and which of them a store can run. */
import { ConfigError, type StoreCapabilities } from '@lovage/core'
import { claimCases } from './cases/claim.ts'
import { closeCases } from './cases/close.ts'
import { concurrencyCases } from './cases/concurrency.ts'
import { crashCases } from './cases/crash.ts'
import { fencingCases } from './cases/fencing.ts'
import { findCases } from './cases/find.ts'
import { flowCases } from './cases/flow.ts'
import { insertBehindCases, insertCases, insertWholeCases } from './cases/insert.ts'
import { keyCases } from './cases/key.ts'
import { modelCases } from './cases/model.ts'
import { noteCases } from './cases/note.ts'
import { pruneCases } from './cases/prune.ts'
import { recordCases } from './cases/records.ts'
import { renewCases } from './cases/renew.ts'
import { standInCases } from './cases/stand-in.ts'
import { sweepCases } from './cases/sweep.ts'
import { updateBehindCases, updateCases } from './cases/update.ts'
import type { StoreCase } from './store-case.ts'

/** What every store owes the queue. */
export const storeCases: readonly StoreCase[] = [
  ...insertCases,
  ...insertWholeCases,
  ...insertBehindCases,
  ...keyCases,
  ...standInCases,
  ...claimCases,
  ...updateCases,
  ...updateBehindCases,
  ...renewCases,
  ...sweepCases,
  ...findCases,
  ...noteCases,
  ...pruneCases,
  ...recordCases,
  ...flowCases,
  ...fencingCases,
  ...concurrencyCases,
  ...crashCases,
  ...closeCases,
  ...modelCases,
]

/** Cases that a store does not pass, and why that is acceptable. */
export interface Skip {
  readonly reason: string
  /** Names of cases. */
  readonly cases: readonly string[]
}

/**
 * The cases that a store with these capabilities must pass.
 * @throws {ConfigError} OPTION_INVALID when a skip names a case that does not exist
 */
export function runnableCases(capabilities: StoreCapabilities, skips: readonly Skip[] = []): readonly StoreCase[] {
  const skipped = new Set(skippedCases(capabilities, skips).map(({ name }) => name))
  return storeCases.filter(({ name }) => !skipped.has(name))
}

/**
 * The cases that are not run, each with its reason: the capability that is missing, or the store's own.
 * @throws {ConfigError} OPTION_INVALID when a skip names a case that does not exist
 */
export function skippedCases(
  capabilities: StoreCapabilities,
  skips: readonly Skip[] = [],
): readonly { readonly name: string; readonly reason: string }[] {
  const reasons = new Map(skips.flatMap(({ reason, cases }) => cases.map((name) => [name, reason] as const)))
  const names = new Set(storeCases.map(({ name }) => name))
  for (const name of reasons.keys()) {
    if (!names.has(name))
      throw new ConfigError('OPTION_INVALID', `expected \`skips\` to name store cases, got: ${JSON.stringify(name)}`)
  }
  return storeCases.flatMap(({ name, needs }) => {
    const missing = needs.find((capability) => !capabilities[capability])
    const reason = missing === undefined ? reasons.get(name) : `the store is not ${missing}`
    return reason === undefined ? [] : [{ name, reason }]
  })
}
