/**
 * The function by which triggers and other languages send a task: what `send` of the client does for one task without
 * dependencies, in one call of the database. What is accepted is the same; core's `request.ts`, `names.ts`, `duration.ts` and
 * `instant.ts` say it for TypeScript, and `send-function.test.ts` holds the two together.
 */

/** Characters that no name has: spaces, and what cannot be seen. A bound on their number in the pattern would be slow. */
const unseen = String.raw`[[:space:][:cntrl:]\u0080-\u00a0\u00ad\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ue000-\uf8ff]`

/** Refusals in Lovage's words: the code in front, what to do as the hint. */
const refuse = `
create or replace function @.refuse(code text, message text, hint text default null) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using
    message = format('[%s] %s', replace(lower(code), '_', ' '), message),
    hint = coalesce(hint, format('See %s in the list of errors of Lovage.', code)),
    errcode = case when code in ('KEY_CONFLICT', 'TASK_CONFLICT') then '23505' else '22023' end;
end $$;
`

const durations = String.raw`
create or replace function @.duration_ms(value jsonb, what text) returns bigint
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  words constant text := btrim(value #>> '{}', E' \t\n\r');
  part text[]; unit numeric; smallest numeric := 1e30; total numeric;
begin
  if jsonb_typeof(value) = 'number' then
    total := words::numeric;
  elsif jsonb_typeof(value) = 'string' and words ~ '^(?:[0-9]+(?:\.[0-9]+)?\s*[a-z]+\s*)+$' then
    total := 0;
    for part in select regexp_matches(words, '([0-9]+(?:\.[0-9]+)?)\s*([a-z]+)', 'g') loop
      unit := case
        when part[2] in ('ms', 'millisecond', 'milliseconds') then 1
        when part[2] in ('s', 'sec', 'secs', 'second', 'seconds') then 1000
        when part[2] in ('m', 'min', 'mins', 'minute', 'minutes') then 60000
        when part[2] in ('h', 'hr', 'hrs', 'hour', 'hours') then 3600000
        when part[2] in ('d', 'day', 'days') then 86400000
        when part[2] in ('w', 'week', 'weeks') then 604800000
      end;
      total := case when unit < smallest then total + part[1]::numeric * unit end;
      smallest := unit;
    end loop;
  end if;
  if total is null or total < 0 or total > 3153600000000 then
    perform @.refuse('DURATION_INVALID', format('expected %s to be a number of milliseconds or a text such as "500ms", "10s", "2m", '
      '"7 days" or "1 hour 30 minutes", got: %s', what, left(value::text, 100)));
  end if;
  return round(total);
end $$;

create or replace function @.instant_ms(value jsonb, what text) returns bigint
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  words constant text := btrim(value #>> '{}', E' \t\n\r');
  found numeric;
begin
  if jsonb_typeof(value) = 'number' then
    found := round(words::numeric);
  elsif jsonb_typeof(value) = 'string' and words ~ ('^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T(?:[01][0-9]|2[0-3]):[0-5][0-9]'
      '(?::[0-5][0-9](?:\.[0-9]{1,9})?)?(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9]))?$') then
    begin
      found := floor(extract(epoch from (regexp_replace(words, '(\.[0-9]{3})[0-9]+', '\1')
        || case when words like '%T%' then '' else 'T00:00:00Z' end)::timestamptz) * 1000);
    exception when data_exception then
      -- No such day, or a zone that PostgreSQL does not take.
    end;
  end if;
  if found is null or found < 0 or found > 8640000000000000 then
    perform @.refuse('OPTION_INVALID', format('expected %s to be epoch milliseconds or an ISO time with its zone such as '
      '"2027-01-31T09:00:00Z", got: %s', what, left(value::text, 100)),
      'A column of type timestamptz is written as (extract(epoch from at) * 1000)::bigint.');
  end if;
  return found;
end $$;
`

/**
 * Says something to whoever listens when the transaction is committed. The channels are those of queue's `channels.ts`, their
 * names in PostgreSQL those of `channel-name.ts`, the frame that of `frame.ts`.
 */
const announce = String.raw`
create or replace function @.announce(channel text, message text) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  select pg_notify('lovage_' || left(encode(sha256(convert_to(btrim('@.', '".'), 'UTF8') || '\x00'::bytea
    || convert_to('to ' || channel, 'UTF8')), 'hex'), 32), 'transaction.t' || message)
$$;
`

/** A UUID of version 7 (RFC 9562, 5.7): random bits of version 4 behind the time. */
const newId = `
create or replace function @.new_id(at bigint) returns text
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) placing substring(int8send(at) from 3) from 1 for 6),
    52, 1), 53, 1), 'hex')::uuid::text
$$;
`

/** Checks the names and types of options, and gives those that are set. */
const checkedOptions = `
create or replace function @.checked_options(options jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  given jsonb; option text; value jsonb; wanted text;
begin
  if options is not null and jsonb_typeof(options) <> 'object' then
    perform @.refuse('OPTION_INVALID', format('expected options to be an object, got: %s', left(options::text, 100)),
      'For example jsonb_build_object(''queue'', ''mail'', ''delay'', ''10s'').');
  end if;
  select coalesce(jsonb_object_agg(e.key, e.value) filter (where e.value <> 'null'), '{}') into given from jsonb_each(options) e;
  for option, value in select e.key, e.value from jsonb_each(given) e loop
    wanted := case
      when option in ('id', 'queue', 'priority', 'key', 'keyPolicy', 'parent', 'flow') then 'string'
      when option in ('retryLimit', 'lostLimit') then 'number'
      when option = 'args' then 'array'
      when option in ('kwargs', 'headers') then 'object'
      when option in ('delay', 'at', 'deadline', 'keyFor', 'timeout') then jsonb_typeof(value)
    end;
    if wanted is null then
      perform @.refuse('OPTION_INVALID', format('expected an option of send, got: %s', option),
        case when option in ('dependencies', 'requires', 'onDependencyFailure', 'bind')
          then 'Tasks that wait for tasks are sent by the client.'
          else 'Options are id, queue, delay, at, deadline, priority, key, keyPolicy, keyFor, retryLimit, lostLimit, timeout, '
            'args, kwargs, headers, parent, flow.' end);
    elsif wanted <> jsonb_typeof(value) or value = '""' and option in ('parent', 'flow') then
      perform @.refuse(case when option in ('id', 'queue', 'key') then 'NAME_INVALID' else 'OPTION_INVALID' end,
        format('expected %s to be a JSON %s, got: %s', option, wanted, left(value::text, 100)),
        case when wanted = 'string' then 'A number becomes a text with ::text.' end);
    end if;
  end loop;
  return given;
end $$;
`

/** Ends whoever holds a key, so that a new task takes its place. */
const supersede = `
create or replace function @.supersede(holder_name text, holder_key text, now bigint) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  held record; ripple record; queue text; notice text;
begin
  for held in select t.id, t.state, t.run, t.holder from @.task t
    where t.name = holder_name and t.key = holder_key and (t.key_until is null or t.key_until > now) order by t.seq
  loop
    select * into ripple from @.update_tasks(array[held.id], array[held.state], array[held.run], array[null::bigint],
      array[4::smallint], array[33], array['superseded'], array[null::integer], array[null::integer], array[null::bigint],
      array[null::bigint], array[now], array[null::text], array[null::text], array[null::text], array[0]);
    perform @.announce('resolved', json_build_array(held.id)::text);
    if held.holder is not null then
      perform @.announce('abort.' || held.holder, json_build_array(json_build_object('id', held.id, 'reason', 'cancelled'))::text);
    end if;
    foreach queue in array ripple.ready loop perform @.announce('ready.' || queue, ''); end loop;
    foreach notice in array ripple.notices loop
      perform @.announce('resolved', json_build_array(notice::json ->> 0)::text);
    end loop;
    if ripple.due is not null then perform @.announce('due', ripple.due::text); end if;
  end loop;
  update @.history h set key_until = now from @.held_key k
    where k.name = holder_name and k.key = holder_key and k.until > now and h.id = k.id;
  delete from @.held_key k where k.name = holder_name and k.key = holder_key and k.until > now;
end $$;
`

const checks = `
  if coalesce(length(task_name), 0) not between 1 and 200 or task_name ~ '${unseen}' then
    perform @.refuse('NAME_INVALID', format('expected the task name to be 1 to 200 characters without spaces, got: %L', left(task_name, 100)));
  elsif length(task_queue) not between 1 and 200 or task_queue ~ '${unseen}' then
    perform @.refuse('NAME_INVALID', format('expected the queue name to be 1 to 200 characters without spaces, got: %L', left(task_queue, 100)));
  elsif length(task_id) not between 1 and 200 or task_id collate "C" ~ '[^!-~]' then
    perform @.refuse('NAME_INVALID', format('expected id to be 1 to 200 visible ASCII characters, got: %L', left(task_id, 100)));
  elsif length(task_key) not between 1 and 500 then
    perform @.refuse('NAME_INVALID', format('expected key to be a text of 1 to 500 characters, got %s', length(task_key)));
  elsif task_key is null and given ?| array['keyPolicy', 'keyFor'] then
    perform @.refuse('OPTION_INVALID', 'expected keyFor and keyPolicy beside a key, got no key');
  elsif policy not in ('existing', 'reject', 'replace') then
    perform @.refuse('OPTION_INVALID', format('expected keyPolicy to be one of existing, reject, replace, got: %L', policy));
  elsif urgency is null then
    perform @.refuse('OPTION_INVALID', format('expected priority to be one of highest, very-high, high, medium, low, very-low, lowest, got: %L',
      given ->> 'priority'));
  elsif given ?& array['delay', 'at'] then
    perform @.refuse('OPTION_INVALID', 'expected either delay or at, got both');
  elsif late <= now then
    perform @.refuse('OPTION_INVALID', format('expected deadline to lie ahead, got: %s', given -> 'deadline'));
  elsif late <= due then
    perform @.refuse('OPTION_INVALID', format('expected deadline to be after the time the task may start, got: %s ms before it', due - late));
  elsif limit_ms <= 0 then
    perform @.refuse('OPTION_INVALID', 'expected timeout to be longer than 0; leave it out for no limit');
  elsif length(body) > 4194304 then
    perform @.refuse('PAYLOAD_TOO_LARGE', format('expected the input of %s to have at most 4194304 characters as JSON, got: %s', task_name, length(body)),
      'Keep large data elsewhere and send a reference.');
  end if;
  foreach counter in array array['retryLimit', 'lostLimit'] loop
    if (given ->> counter)::numeric not between 0 and 2147483647 or (given ->> counter)::numeric % 1 <> 0 then
      perform @.refuse('OPTION_INVALID', format('expected %s to be a whole number from 0 to 2147483647, got: %s', counter, given ->> counter));
    end if;
  end loop;`

/** The answer to a key or an id that is there already; null when the task is new. */
const standing = `
create or replace function @.standing_for(task_id text, task_name text, task_key text, policy text, now bigint) returns text
language plpgsql set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  holder text;
begin
  perform pg_advisory_xact_lock(hashtext('@.key'), hashtext(task_name || chr(1) || task_key) & 255);
  if exists (select from @.task t where t.id = task_id) or exists (select from @.history h where h.id = task_id) then
    return null;
  end if;
  if policy = 'replace' then
    -- Who moves to the history meanwhile is waited for; nobody comes back from it while the lock is held.
    perform from @.task t where t.name = task_name and t.key = task_key for update;
    perform from @.history h where h.id in (select k.id from @.held_key k where k.name = task_name and k.key = task_key) for update;
  end if;
  -- One that is only the answer is free to go on: it held the key when it was asked.
  select id into holder from (
    select t.seq, t.id from @.task t where t.name = task_name and t.key = task_key and (t.key_until is null or t.key_until > now)
    union all
    select h.seq, h.id from @.held_key k join @.history h on h.id = k.id
    where k.name = task_name and k.key = task_key and k.until > now
  ) holders order by seq limit 1;
  if holder is not null and policy = 'reject' then
    perform @.refuse('KEY_CONFLICT', format('expected the key %s of %s to be free, got: taken by task %s', to_json(task_key), task_name, holder),
      'Choose another keyPolicy: existing answers with that task, replace ends it.');
  elsif holder is not null and policy = 'replace' then
    perform @.supersede(task_name, task_key, now);
    return null;
  end if;
  return holder;
end $$;
`

const send = String.raw`
create or replace function @.send(name text, input jsonb default null, options jsonb default '{}') returns text
language plpgsql set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  now constant bigint := (extract(epoch from clock_timestamp()) * 1000)::bigint;
  given constant jsonb := @.checked_options(send.options);
  task_name constant text := send.name;
  task_id constant text := coalesce(given ->> 'id', @.new_id(now));
  task_queue constant text := coalesce(given ->> 'queue', 'default');
  task_key constant text := given ->> 'key';
  policy constant text := coalesce(given ->> 'keyPolicy', 'existing');
  urgency constant smallint := 8 - array_position(array['highest', 'very-high', 'high', 'medium', 'low', 'very-low', 'lowest'],
    coalesce(given ->> 'priority', 'medium'));
  due constant bigint := case when given ? 'delay' then now + @.duration_ms(given -> 'delay', 'delay')
    when given ? 'at' then @.instant_ms(given -> 'at', 'at') end;
  late constant bigint := case when (given ->> 'deadline') ~ '^\s*[0-9]{4}-' then @.instant_ms(given -> 'deadline', 'deadline')
    when given ? 'deadline' then now + @.duration_ms(given -> 'deadline', 'deadline') end;
  key_end constant bigint := case when given ? 'keyFor' then now + @.duration_ms(given -> 'keyFor', 'keyFor') end;
  limit_ms constant bigint := case when given ? 'timeout' then @.duration_ms(given -> 'timeout', 'timeout') end;
  body constant text := coalesce(send.input, 'null')::text;
  starts constant smallint := case when due > now then 1 else 2 end;
  extras jsonb := jsonb_strip_nulls(jsonb_build_object('timeoutMs', limit_ms, 'parent', given -> 'parent', 'flow', given -> 'flow'));
  counter text; other text; there record;
begin${checks}
  foreach other in array array['args', 'kwargs', 'headers'] loop
    if given ? other then extras := extras || jsonb_build_object(other, given -> other); end if;
  end loop;
  if (task_key is not null or given ? 'id') and current_setting('transaction_isolation') <> 'read committed' then
    perform @.refuse('TRANSACTION_UNUSABLE', format('expected a transaction at read committed, which alone sees whether a key or an id is '
      'taken, got: %s', current_setting('transaction_isolation')));
  end if;
  if send.input = 'null' then extras := extras || '{"nullInput": true}'; end if;
  if task_key is not null then
    other := @.standing_for(task_id, task_name, task_key, policy, now);
    if other is not null then return other; end if;
  end if;
  for attempt in 1..10 loop
    select * into there from @.insert_tasks(array[task_id], array[task_name], array[task_queue], array[urgency], array[starts], array[body],
      array[nullif(extras, '{}')::text], array[(given ->> 'retryLimit')::integer],
      array[coalesce((given ->> 'lostLimit')::integer, 5)], array[0], array[case when starts = 1 then due end], array[late],
      array[task_key], array[key_end], array[now],
      0, case when given ? 'id' then 9007199254740991 else 0 end);
    exit when there.id is not null;
  end loop;
  if there.id is null then
    perform @.refuse('STORE_BUSY', format('expected the task %s to be new or to stay where it is', task_id), 'Send it again.');
  elsif there.name is not null then
    if there.name = task_name and there.queue = task_queue and there.priority = urgency and there.input::jsonb = body::jsonb
      and coalesce(there.extras::jsonb - 'standIns', '{}') = extras then return task_id; end if;
    perform @.refuse('TASK_CONFLICT', format('expected task %s to be new or sent again with the same name, queue, priority, input and options, '
      'got other content', task_id), 'Choose another id.');
  end if;
  if starts = 1 then
    perform @.announce('ready.' || task_queue, due::text), @.announce('due', due::text);
  else
    perform @.announce('ready.' || task_queue, '');
  end if;
  if late is not null then perform @.announce('due', late::text); end if;
  return task_id;
end $$;
comment on function @.send(text, jsonb, jsonb) is
  'Sends a task of Lovage: it is there, and workers are woken, when the transaction is committed. Answers its id.';
`

/**
 * What schema 2 adds, as of schema 5. Types are looked up among temporary ones last: a caller's own must not come before those of
 * PostgreSQL where a trigger runs with the rights of somebody else.
 */
export const sendFunctions = [refuse, durations, announce, newId, checkedOptions, supersede, standing, send].join('\n')
