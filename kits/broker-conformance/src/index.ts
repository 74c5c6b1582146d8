/** What every broker owes the worker, as cases that are data. */
export type { BrokerCase, BrokerPowers, BrokerTools } from './broker-case.ts'
export { allPowers, type BrokerFacts, brokerCases, runnableCases, type Skip, skippedCases } from './broker-cases.ts'
