/** The days of the history: partitions that are made ahead and dropped when they are over. */
import { LovageError, type ResolvedState } from '@lovage/core'
import type { Database, Query } from './database.ts'
import { ownSettings } from './function-settings.ts'

/** Makes the partitions of the days from one time to another (epoch milliseconds) where there are none. */
export const days = `
create or replace function @.make_days(since bigint, until bigint) returns void
language plpgsql ${ownSettings} as $$
declare
  day bigint; label text; branch text;
begin
  for day in select generate_series(since / 86400000, until / 86400000) loop
    label := to_char(to_timestamp(day * 86400) at time zone 'UTC', 'YYYYMMDD');
    foreach branch in array array['completed', 'failed', 'exception'] loop
      if to_regclass(format('@.history_%s_%s', branch, label)) is null then
        begin
          execute format('create table @.history_%s_%s partition of @.history_%s for values from (%s) to (%s)',
            branch, label, branch, day * 86400000, (day + 1) * 86400000);
        exception when check_violation or duplicate_table or object_not_in_prerequisite_state then
          -- Rows of that day stand in the default partition already, or another process was faster.
        end;
      end if;
    end loop;
  end loop;
end $$;
`

const dayMs = 86_400_000
/** How many days ahead there are partitions: nobody has to be there at midnight. */
const daysAhead = 3

const make = { name: 'make-days', text: 'select @.make_days($1, $2)' }
const patience = { name: '', text: `set local lock_timeout = '100ms'` }
const list = {
  name: 'list-days',
  text: `select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = $1::regclass`,
}

/**
 * Makes today's partitions and those of the next days, where one is missing. That takes a lock for a moment; whoever reads the
 * history for long is not made to wait, nor anybody behind us: there are days enough ahead to try again.
 */
export async function makeDays(database: Pick<Database, 'query' | 'schema' | 'transaction'>, now: number): Promise<void> {
  const { query, schema } = database
  const last = dayName('exception', now + daysAhead * dayMs)
  if (await isDay(query, schema, 'exception', last)) return
  try {
    await database.transaction(async (run) => {
      await run(patience)
      await run(make, [now - dayMs, now + daysAhead * dayMs])
    })
  } catch (error) {
    if (!LovageError.is(error, 'STORE_BUSY')) throw error
  }
}

/** Whether a table is a partition of a state now. */
export async function isDay(query: Query, schema: string, state: ResolvedState, name: string): Promise<boolean> {
  return (await query(list, [`"${schema}".history_${state}`])).some(([each]) => each === name)
}

function dayName(state: ResolvedState, time: number): string {
  return `history_${state}_${new Date(time).toISOString().slice(0, 10).replaceAll('-', '')}`
}

/** The partitions of a state that hold nothing from a time on, oldest first. */
export async function pastDays(query: Query, schema: string, state: ResolvedState, before: number): Promise<readonly string[]> {
  const names = (await query(list, [`"${schema}".history_${state}`])).map(([name]) => name as string)
  return names.filter((name) => endOf(name) <= before).sort()
}

/** When the day of a partition is over; never for the default one. */
function endOf(name: string): number {
  const [, year, month, day] = /_(\d{4})(\d{2})(\d{2})$/.exec(name) ?? []
  return year === undefined ? Number.POSITIVE_INFINITY : Date.UTC(Number(year), Number(month) - 1, Number(day)) + dayMs
}
