/** The settings under which the functions of the queue run, whatever those of their caller are. */

/** Nobody else's functions and operators; and compiling a statement of milliseconds takes longer than running it. */
export const ownSettings = 'set search_path = pg_catalog, pg_temp set jit = off'

/** Beside that, for functions of arrays and indexes alone: one plan for all calls, which statistics that are late do not spoil. */
export const plannedOnce = `${ownSettings} set plan_cache_mode = force_generic_plan set enable_seqscan = off
  set enable_hashjoin = off set enable_mergejoin = off`
