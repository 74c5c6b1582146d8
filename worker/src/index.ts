/** The Worker: runs tasks for whichever broker it is given. */
export { Abort } from './abort.ts'
export { boundInput, execute } from './execute.ts'
export type { Job, JobEnd, JobHooks, Pool, Running } from './pool.ts'
export { inlinePool } from './pools/inline.ts'
