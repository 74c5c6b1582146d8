/** The list of all broker cases, and which of them a broker can run. */
import { ConfigError, shown } from '@lovage/core'
import type { BrokerCase, BrokerPowers } from './broker-case.ts'
import { cancelCases } from './cases/cancel.ts'
import { closeCases } from './cases/close.ts'
import { consumerCases } from './cases/consumer.ts'
import { controlCases } from './cases/control.ts'
import { deliverCases } from './cases/deliver.ts'
import { deskCases } from './cases/desk.ts'
import { eventCases } from './cases/events.ts'
import { resultCases } from './cases/results.ts'
import { sendCases } from './cases/send.ts'
import { settleCases } from './cases/settle.ts'

/** What every broker owes the worker. */
export const brokerCases: readonly BrokerCase[] = [
  ...sendCases,
  ...deliverCases,
  ...settleCases,
  ...closeCases,
  ...consumerCases,
  ...cancelCases,
  ...controlCases,
  ...eventCases,
  ...resultCases,
  ...deskCases,
]

/** Cases that a broker does not pass, and why that is acceptable. */
export interface Skip {
  readonly reason: string
  /** Names of cases. */
  readonly cases: readonly string[]
}

/** What a binding says of its broker. */
export interface BrokerFacts {
  readonly powers: BrokerPowers
  /** The binding can end a connection as kill -9 would. */
  readonly crashes?: boolean | undefined
  readonly skips?: readonly Skip[] | undefined
}

/** Every power; a binding takes away what its broker lacks: `{ ...allPowers, holdsEta: false }`. */
export const allPowers: BrokerPowers = {
  idempotentIds: true,
  holdsEta: true,
  priorities: true,
  choosesNames: true,
  cancels: true,
  cancelsRunning: true,
  countsSettlements: true,
  control: true,
  events: true,
  results: true,
  sharesResults: true,
  keepsProgress: true,
  keepsLogs: true,
  handsOut: true,
}

/**
 * The cases that a broker with these powers must pass.
 * @throws {ConfigError} OPTION_INVALID when a skip names a case that does not exist
 */
export function runnableCases(facts: BrokerFacts): readonly BrokerCase[] {
  const skipped = new Set(skippedCases(facts).map(({ name }) => name))
  return brokerCases.filter(({ name }) => !skipped.has(name))
}

/**
 * The cases that are not run, each with its reason: the power that is missing, or the broker's own.
 * @throws {ConfigError} OPTION_INVALID when a skip names a case that does not exist
 */
export function skippedCases({
  powers,
  crashes = false,
  skips = [],
}: BrokerFacts): readonly { readonly name: string; readonly reason: string }[] {
  const reasons = new Map(skips.flatMap(({ reason, cases }) => cases.map((name) => [name, reason] as const)))
  const names = new Set(brokerCases.map(({ name }) => name))
  for (const name of reasons.keys()) {
    if (!names.has(name)) throw new ConfigError('OPTION_INVALID', `expected \`skips\` to name broker cases, got: ${shown(name)}`)
  }
  return brokerCases.flatMap((brokerCase) => {
    const missing = brokerCase.needs.find((power) => !powers[power])
    const killed = brokerCase.crashes === true && !crashes ? 'the binding cannot kill a connection' : undefined
    const reason = missing === undefined ? (killed ?? reasons.get(brokerCase.name)) : `the broker lacks ${missing}`
    return reason === undefined ? [] : [{ name: brokerCase.name, reason }]
  })
}
