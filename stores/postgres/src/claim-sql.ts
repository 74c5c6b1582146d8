/** The functions that claim, and make due tasks pending. */
import { ownSettings, plannedOnce } from './function-settings.ts'

/**
 * Claims. Candidates are looked up without locks, because their order spans several lanes (a queue and a name); then as many as
 * are asked for are locked, past those that others have in hand. What few tasks have at all comes as one JSON text. With lanes
 * given, each by its priority, nothing below their floors is looked at, unless something has just become due. The last row is none: it tells how many dead entries of
 * the index were walked over, how many milliseconds that took, whether others had something in hand that is pending still,
 * when the next task is due, and how many pages of the index were read.
 */
export const claim = `
drop function if exists @.claim_tasks(text[], text[], text, text, integer, bigint, bigint, text[], text[], smallint[], bigint[]);
create function @.claim_tasks(asked_queues text[], names text[], new_holder text, new_worker text, lim integer, now bigint,
  until bigint, lane_queues text[], lane_names text[], lane_priorities smallint[], lane_floors bigint[])
returns table (seq bigint, id text, name text, queue text, priority smallint, input text, run integer, retries integer,
  retry_limit integer, lost integer, lost_limit integer, created_at bigint, rare text, place tid)
language plpgsql ${plannedOnce} set enable_bitmapscan = off as $$
#variable_conflict use_column
declare
  open_queues text[]; known text[] := names; places tid[]; mine tid[]; reach integer := lim; got integer := 0; n integer;
  began timestamptz; spent interval := '0';
  before bigint := pg_stat_get_xact_tuples_returned('@.task_ready'::regclass); seen bigint; alive bigint := 0;
  pages_before bigint := pg_stat_get_xact_blocks_fetched('@.task_ready'::regclass); pages bigint := 0;
  skipped boolean := false;
begin
  -- A claim that a crash of the server undoes only leaves its tasks pending; whoever had them finds out with the next renewal.
  perform set_config('synchronous_commit', 'off', true);
  -- Two claims of one worker at once would look at the same tasks.
  perform pg_advisory_xact_lock(hashtext('@.claim'), hashtext(new_holder));
  select array_agg(distinct q) into open_queues from unnest(asked_queues) q
  where not exists (select from @.record where kind = 'paused' and key = q);
  if open_queues is null then return; end if;
  if exists (select from unnest(open_queues) q where exists
      (select from @.task where state = 1 and queue = q and due_at <= now)) then
    perform @.promote(open_queues, now);
    -- What was sent long ago stands before the floors.
    if found then lane_queues := null; end if;
    skipped := exists (select from unnest(open_queues) q where exists
      (select from @.task where state = 1 and queue = q and due_at <= now));
  end if;
  began := clock_timestamp();
  if known is null and lane_queues is null then known := @.open_names(open_queues); end if;
  loop
    exit when got >= lim;
    if lane_queues is null then
      with line as materialized (
        select t.place, t.seq, t.priority from unnest(open_queues) q cross join unnest(known) k cross join lateral (
          select ctid as place, seq, priority from @.task where state = 2 and queue = q and name = k
          order by priority desc, seq limit reach
        ) t
      )
      select array_agg(c.place order by c.priority desc, c.seq), (select count(*) from line) into places, seen
      from (select * from line order by priority desc, seq limit reach) c;
      alive := alive + seen;
    else
      select array_agg(c.place order by c.priority desc, c.seq) into places from (
        select t.place, t.seq, l.priority from unnest(lane_queues, lane_names, lane_priorities, lane_floors)
          l (queue, name, priority, low) cross join lateral (
          select ctid as place, seq from @.task
          where state = 2 and queue = l.queue and name = l.name and priority = l.priority and seq >= l.low order by seq limit reach
        ) t where l.queue = any (open_queues) order by l.priority desc, t.seq limit reach
      ) c;
    end if;
    spent := spent + (clock_timestamp() - began);
    pages := pg_stat_get_xact_blocks_fetched('@.task_ready'::regclass) - pages_before;
    exit when places is null;
    -- The sum keeps the planner from the index of all pending tasks.
    if cardinality(places) > lim - got then
      select array_agg(m.place) into mine from (
        select t.ctid as place from unnest(places) with ordinality f (place, n) join @.task t on t.ctid = f.place
        where t.state + 0 = 2 order by f.n limit lim - got for update of t skip locked
      ) m;
    else
      select array_agg(m.place) into mine from (
        select t.ctid as place from @.task t where t.ctid = any (places) and t.state + 0 = 2 for update skip locked
      ) m;
    end if;
    return query
      update @.task t set state = 3, holder = new_holder, worker = new_worker, run = t.run + 1, taken_until = until,
        started_at = case when t.lost > 0 or t.lost_limit < 2 then null else now end
      where t.ctid = any (mine)
      returning t.seq, t.id, t.name, t.queue, t.priority, t.input, t.run, t.retries, t.retry_limit, t.lost, t.lost_limit,
        t.created_at, case when coalesce(t.extras, t.key, t.reason, t.failure, t.progress, t.runs) is not null
            or t.deadline is not null or t.resolved_at is not null or t.result is not null then
          json_build_array(t.extras, t.deadline, t.key, t.key_until, t.reason, t.failure, t.progress, t.runs, t.resolved_at,
            t.result)::text end, t.ctid;
    get diagnostics n = row_count;
    got := got + n;
    skipped := skipped or n < cardinality(places);
    -- Some are in the hands of others. Who is after them in the line?
    exit when cardinality(places) < reach;
    reach := reach + cardinality(places) - n;
    began := clock_timestamp();
  end loop;
  return query select null::bigint, null::text, null::text, null::text, null::smallint, null::text, null::integer, null::integer,
    null::integer, null::integer, null::integer, null::bigint,
    json_build_array(pg_stat_get_xact_tuples_returned('@.task_ready'::regclass) - before - alive,
      extract(epoch from spent) * 1000, skipped, (
        select min(n.due_at) from unnest(open_queues) q cross join lateral (
          select due_at from @.task where state = 1 and queue = q and due_at > now order by due_at limit 1
        ) n
      ), pages)::text, null::tid;
end $$;

create or replace function @.promote(queues text[], now bigint) returns setof text
language sql ${ownSettings} as $$
  with due as (
    select id from @.task where state = 1 and (queues is null or queue = any (queues)) and due_at <= now
    order by due_at limit 10000 for update skip locked
  )
  update @.task t set state = 2, due_at = null from due where t.id = due.id returning t.queue
$$;

create or replace function @.open_names(queues text[]) returns text[]
language sql stable ${ownSettings} as $$
  with recursive step (queue, name) as (
    select q, (select min(name) from @.task where state = 2 and queue = q) from unnest(queues) q
    union all
    select queue, (select min(t.name) from @.task t where t.state = 2 and t.queue = step.queue and t.name > step.name)
    from step where name is not null
  )
  select coalesce(array_agg(distinct name), '{}') from step where name is not null
$$;
`
