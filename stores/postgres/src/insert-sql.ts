/** The function that inserts: in one round trip for any number of tasks. */
import { plannedOnce } from './function-settings.ts'

/** What a new task brings, in the order of the parameters. */
export const newColumns = `id, name, queue, priority, state, input, extras, retry_limit, lost_limit, blockers, due_at, deadline, key, key_until,
  created_at`

/**
 * Inserts what is not there yet, in order. An id may stand in the history, too: that is looked at after the insertion, because
 * a task can move there while its id is being inserted. Answers a row for each task that was inserted (`name` is null), and
 * what there is of each other.
 */
export const insertFunctions = `
create or replace function @.insert_tasks(ids text[], names text[], queues text[], priorities smallint[], states smallint[], inputs text[],
  extras_list text[], retry_limits integer[], lost_limits integer[], blocker_counts integer[], dues bigint[], deadlines bigint[],
  keys text[], key_ends bigint[], created bigint[], resolved_from bigint, resolved_to bigint)
returns table (seq bigint, id text, name text, queue text, priority smallint, input text, extras text, state smallint)
language plpgsql ${plannedOnce} as $$
#variable_conflict use_column
declare
  new_ids text[]; new_seqs bigint[]; old_ids text[];
  until constant bigint := coalesce(resolved_to, (extract(epoch from clock_timestamp()) * 1000)::bigint + 3600000);
begin
  with new as (
    insert into @.task (${newColumns})
    select * from unnest(ids, names, queues, priorities, states, inputs, extras_list, retry_limits, lost_limits, blocker_counts,
      dues, deadlines, keys, key_ends, created)
    on conflict do nothing returning seq, id
  )
  select array_agg(new.id), array_agg(new.seq) into new_ids, new_seqs from new;
  if resolved_to is null then
    -- With the times in its words it is planned for the few days between them; a plan for any times opens every day there is.
    execute format('select array_agg(id) from @.history where id = any ($1) and resolved_at >= %s and resolved_at < %s',
      resolved_from, until) into old_ids using new_ids;
  else
    select array_agg(h.id) into old_ids from @.history h
    where h.id = any (new_ids) and h.resolved_at >= resolved_from and h.resolved_at < until;
  end if;
  if old_ids is not null then
    delete from @.task t where t.id = any (old_ids);
  end if;
  return query select n.seq, n.id, null::text, null::text, null::smallint, null::text, null::text, null::smallint
    from unnest(new_ids, new_seqs) n (id, seq) where old_ids is null or n.id <> all (old_ids);
  if old_ids is not null or cardinality(ids) > coalesce(cardinality(new_ids), 0) then
    return query
      with other as (select distinct o.id from unnest(ids) o (id) where new_ids is null or o.id <> all (new_ids) or o.id = any (old_ids))
      select t.seq, t.id, t.name, t.queue, t.priority, t.input, t.extras, t.state from other o join @.task t on t.id = o.id
      union all
      select h.seq, h.id, h.name, h.queue, h.priority, h.input, h.extras, h.state from other o join @.history h on h.id = o.id
      where h.resolved_at >= resolved_from and h.resolved_at < until;
  end if;
end $$;
`
