/** What you put in your own tests: a queue in memory, a clock moved by hand, drain. */
export { type DrainOptions, drain } from './drain.ts'
export { type ManualClock, manualClock } from './manual-clock.ts'
export { type TestBroker, type TestBrokerOptions, testBroker } from './test-broker.ts'
