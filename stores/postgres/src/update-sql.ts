/** The functions that change tasks: by fenced transitions, with all that follows for the tasks behind them. */
import { ownSettings, plannedOnce } from './function-settings.ts'

/** Columns that a task keeps when it moves between the tables. */
export const kept = `seq, id, name, queue, priority, input, extras, retries, retry_limit, lost, lost_limit, dependents, due_at,
  deadline, key, key_until, worker, created_at, progress`

/** The parameters by which changes come: an element of each array for each change. */
const changeParameters = `ids text[], froms smallint[], runs integer[], leases bigint[], tos smallint[], masks integer[],
  reasons text[], retry_counts integer[], lost_counts integer[], dues bigint[], starts bigint[], ends bigint[], results text[],
  failures text[], records text[], rounds integer[]`
const changeNames = changeParameters.replaceAll(/(\w+) \w+\[\]/g, '$1')

/** The changes of round r that go from and to such states, as rows. */
const changes = (condition: string): string => `select * from unnest(${changeNames}) with ordinality as c (id, from_state, run,
    lease, to_state, mask, reason, retries, lost, due, start, ended, result, failure, record, round, place)
  where ${condition} and round = r`

/** What a task `t` is after a change `c`: each column, the bit that says whether it is set, and to what. */
const patched = [
  ...[
    ['reason', 1, 'reason'],
    ['retries', 2, 'retries'],
    ['lost', 4, 'lost'],
    ['due_at', 8, 'due'],
    ['started_at', 16, 'start'],
    ['resolved_at', 32, 'ended'],
    ['result', 64, 'result'],
    ['failure', 128, 'failure'],
  ].map(([column, bit, cell]) => [column, `case when mask & ${bit} <> 0 then c.${cell} else t.${column} end`]),
  ['runs', `case when mask & 256 = 0 then t.runs else coalesce(t.runs || ',', '') || c.record end`],
]
const patchedColumns = patched.map(([column, value]) => `${value} as ${column}`).join(',\n      ')
const unpatchedColumns = `t.seq, t.id, t.name, t.queue, t.priority, t.input, t.extras, t.retry_limit, t.lost_limit, t.dependents,
      t.deadline, t.key, t.key_until, t.worker, t.created_at, t.progress, t.run, c.place, c.to_state as state`

/** What resolved tasks do to those behind them, level by level. Rule: core's `dependency.ts`. */
export const spread = `
create or replace function @.spread(ids text[], states smallint[], ats bigint[],
  out ready text[], out due bigint, out notices text[])
language plpgsql ${plannedOnce} as $$
#variable_conflict use_column
declare
  next_ids text[]; next_ats bigint[]; ended text[]; freed text[]; first bigint;
begin
  ready := '{}'; notices := '{}';
  while cardinality(ids) > 0 loop
    with r as (select * from unnest(ids, states, ats) as r (id, state, at)),
    hit as (
      select e.dependent, max(r.at) as at from r join @.edge e on e.required = r.id
      where not e.satisfied and r.state <> 6 and not e.any_end and not e.waits group by e.dependent
    ),
    gone as (delete from @.task t using hit where t.id = hit.dependent and t.state = 0 returning t.*, hit.at),
    past as (
      insert into @.history (${kept}, state, reason, run, blockers, started_at, failure, runs, resolved_at)
      select ${kept}, 4, 'dependency-failed', run, 0, started_at, failure, runs, at from gone
    ),
    window_kept as (
      insert into @.held_key (name, key, until, id) select name, key, key_until, id from gone where key_until is not null
    )
    select coalesce(array_agg(id) filter (where dependents), '{}'), coalesce(array_agg(at) filter (where dependents), '{}'),
      coalesce(array_agg(json_build_array(id, name, 4, 'dependency-failed', null)::text), '{}')
    into next_ids, next_ats, ended from gone;

    with r as (select * from unnest(ids, states, ats) as r (id, state, at)),
    met as (
      update @.edge e set satisfied = true from r
      where e.required = r.id and not e.satisfied and (r.state = 6 or e.any_end) returning e.dependent, r.at
    ),
    n as (select dependent, count(*) as n, max(at) as at from met group by dependent),
    free as (
      update @.task t set blockers = greatest(t.blockers - n.n, 0),
        state = case when t.blockers > n.n then 0 when t.due_at > n.at then 1 else 2 end,
        due_at = case when t.blockers <= n.n and t.due_at <= n.at then null else t.due_at end
      from n where t.id = n.dependent and t.state = 0 returning t.queue, t.state, t.due_at
    )
    select coalesce(array_agg(distinct queue) filter (where state = 2), '{}'), min(due_at) filter (where state = 1)
    into freed, first from free;

    ready := ready || freed; due := least(due, first); notices := notices || ended;
    ids := next_ids; ats := next_ats; states := array_fill(4::smallint, array[cardinality(next_ids)]);
  end loop;
end $$;
`

/**
 * Fenced transitions. The bits of `masks` tell which fields are set, in the order of the parameters from `reasons` on.
 * `rounds` numbers the changes of one task within a call from 0, so that each meets what the one before it made.
 */
export const update = `
create or replace function @.update_tasks(${changeParameters},
  out applied integer[], out ready text[], out due bigint, out notices text[])
language plpgsql ${plannedOnce} as $$
#variable_conflict use_column
declare
  r integer; hits integer[]; freed text[]; first bigint; ended_ids text[]; states smallint[]; ats bigint[]; ripple record;
begin
  applied := '{}'; ready := '{}'; notices := '{}';
  if 3 = all (froms) and 3 = all (tos) then
    -- That runs have begun is worth no wait for the disk: if a crash of the server undoes it, a loss of theirs is not counted.
    perform set_config('synchronous_commit', 'off', true);
  end if;
  for r in 0 .. (select max(n) from unnest(rounds) n) loop
    ended_ids := '{}';
    if exists (select from unnest(froms, tos) c (from_state, to_state) where from_state < 4 and to_state >= 4) then
      with c as (${changes('from_state < 4 and to_state >= 4')}),
      gone as (
        delete from @.task t using c
        where t.id = c.id and t.state = c.from_state and t.run = c.run and (c.lease is null or t.taken_until = c.lease)
        returning ${unpatchedColumns}, ${patchedColumns}
      ),
      past as (
        insert into @.history (${kept}, state, reason, run, blockers, started_at, failure, runs, resolved_at, result)
        select ${kept}, state, reason, run, 0, started_at, failure, runs, resolved_at, result from gone
      ),
      window_kept as (
        insert into @.held_key (name, key, until, id)
        select name, key, key_until, id from gone where key_until is not null and reason is distinct from 'superseded'
      )
      select array_agg(place), coalesce(array_agg(id) filter (where dependents), '{}'),
        array_agg(state) filter (where dependents), array_agg(resolved_at) filter (where dependents)
      into hits, ended_ids, states, ats from gone;
      applied := applied || hits;
    end if;

    if exists (select from unnest(tos) to_state where to_state < 4) then
      with c as (${changes('from_state < 4 and to_state < 4')}),
      moved as (
        update @.task t set state = c.to_state, ${patched.map(([column, value]) => `${column} = ${value}`).join(', ')},
          holder = case when c.to_state = 3 then t.holder end,
          taken_until = case when c.to_state = 3 then t.taken_until end,
          blockers = case when c.to_state = 0 then t.blockers else 0 end
        from c
        where t.id = c.id and t.state = c.from_state and t.run = c.run and (c.lease is null or t.taken_until = c.lease)
        returning t.queue, t.state, t.due_at, c.place
      )
      select array_agg(place), coalesce(array_agg(distinct queue) filter (where state = 2), '{}'),
        min(due_at) filter (where state = 1)
      into hits, freed, first from moved;
      applied := applied || hits; ready := ready || freed; due := least(due, first);

      if exists (select from unnest(froms, tos) c (from_state, to_state) where from_state >= 4 and to_state < 4) then
        select b.applied, b.ready, b.due into hits, freed, first
        from @.bring_back(${changeNames}, r) b;
        applied := applied || hits; ready := ready || freed; due := least(due, first);
      end if;
    end if;

    if cardinality(ended_ids) > 0 then
      select * into ripple from @.spread(ended_ids, states, ats);
      ready := ready || ripple.ready; due := least(due, ripple.due); notices := notices || ripple.notices;
    end if;
  end loop;
end $$;
`

/** Resolved tasks that are to run again: they return from the history, and hold back who waits for them still. */
export const bringBack = `
create or replace function @.bring_back(${changeParameters}, r integer,
  out applied integer[], out ready text[], out due bigint)
language plpgsql ${ownSettings} as $$
#variable_conflict use_column
declare
  gone_ids text[]; needed text[];
begin
  -- Whoever inserts a task with one of these keys looks at them in two places, and must not miss what moves between those.
  perform pg_advisory_xact_lock(hashtext('@.key'), b) from (
    select distinct (hashtext(h.name || chr(1) || h.key) & 255) as b from @.history h
    where h.id = any (ids) and h.key is not null order by 1
  ) b;
  with c as (${changes('from_state >= 4 and to_state < 4')}),
  gone as (
    delete from @.history t using c where t.id = c.id and t.state = c.from_state and t.run = c.run
    returning ${unpatchedColumns}, ${patchedColumns}
  ),
  back as (
    insert into @.task (${kept}, state, reason, run, started_at, resolved_at, result, failure, runs)
    select ${kept}, state, reason, run, started_at, resolved_at, result, failure, runs from gone
  )
  select coalesce(array_agg(gone.place), '{}'), coalesce(array_agg(distinct gone.queue) filter (where gone.state = 2), '{}'),
    min(gone.due_at) filter (where gone.state = 1), array_agg(gone.id) filter (where gone.dependents), array_agg(gone.id)
  into applied, ready, due, needed, gone_ids from gone;
  delete from @.held_key h where h.id = any (gone_ids);
  with again as (
    update @.edge e set satisfied = false from @.task t
    where e.required = any (needed) and e.satisfied and t.id = e.dependent and t.state = 0 returning e.dependent
  ),
  n as (select dependent, count(*) as n from again group by dependent)
  update @.task t set blockers = t.blockers + n.n from n where t.id = n.dependent and t.state = 0;
end $$;
`

/** Completes those of the changes that are found in one way: `found` tells a task `t` from a change `c`. */
const completed = (found: string): string => `with gone as (
    delete from @.task t using unnest(done_ids, done_runs, done_places, done_starts, done_ends, done_results)
      with ordinality c (id, run, stood, start, ended, outcome, place)
    where ${found} and t.id = c.id and t.state + 0 = 3 and t.run = c.run returning t.*, c.start, c.ended, c.outcome, c.place
  ),
  past as (
    insert into @.history (${kept}, state, reason, run, blockers, started_at, runs, resolved_at, result)
    select ${kept}, 6, reason, run, 0, start, runs, ended, outcome from gone
  ),
  window_kept as (
    insert into @.held_key (name, key, until, id) select name, key, key_until, id from gone where key_until is not null
  )
  select coalesce(array_agg(place), '{}'), coalesce(array_agg(id) filter (where dependents), '{}'),
    coalesce(array_agg(ended) filter (where dependents), '{}')`

/**
 * What most runs come to: they are completed, without a word on the lease. As `update_tasks` does it, with less to carry: a row that
 * still stands where it stood when it was claimed is not looked up in an index.
 */
export const complete = `
create or replace function @.complete_tasks(done_ids text[], done_runs integer[], done_places tid[], done_starts bigint[],
  done_ends bigint[], done_results text[], out applied integer[], out ready text[], out due bigint, out notices text[])
language plpgsql ${plannedOnce} as $$
#variable_conflict use_column
declare
  ended_ids text[]; ats bigint[]; more integer[]; more_ids text[]; more_ats bigint[];
begin
  ${completed('t.ctid = c.stood')}
  into applied, ended_ids, ats from gone;
  if cardinality(applied) < cardinality(done_ids) then
    ${completed('c.place <> all (applied)')}
    into more, more_ids, more_ats from gone;
    applied := applied || more; ended_ids := ended_ids || more_ids; ats := ats || more_ats;
  end if;
  ready := '{}'; notices := '{}';
  if cardinality(ended_ids) > 0 then
    select s.ready, s.due, s.notices into ready, due, notices
    from @.spread(ended_ids, array_fill(6::smallint, array[cardinality(ended_ids)]), ats) s;
  end if;
end $$;

create or replace function @.complete_tasks(done_ids text[], done_runs integer[], done_starts bigint[], done_ends bigint[], done_results text[],
  out applied integer[], out ready text[], out due bigint, out notices text[])
language sql ${ownSettings} as $$
  select applied, ready, due, notices from @.complete_tasks(done_ids, done_runs, null::tid[], done_starts, done_ends, done_results)
$$;
`
