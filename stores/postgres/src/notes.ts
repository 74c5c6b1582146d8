/** Notes: progress and log lines of the current run, and reading them back. */
import type { LogLine, TaskNote } from '@lovage/core'
import type { Query } from './database.ts'

const write = {
  name: 'note',
  text: `with n as (select * from unnest($1::text[], $2::integer[], $3::text[]) n (id, run, progress)),
    live as (
      update @.task t set progress = n.progress from n
      where t.id = n.id and t.run = n.run and n.progress is not null returning t.id
    ),
    past as (
      update @.history h set progress = n.progress from n
      where h.id = n.id and h.run = n.run and n.progress is not null returning h.id
    ),
    known as (
      select t.id, t.run from n join @.task t on t.id = n.id and t.run = n.run
      union all
      select h.id, h.run from n join @.history h on h.id = n.id and h.run = n.run
    ),
    said as (
      insert into @.log (task, run, at, level, line)
      select known.id, l.line_run, l.at, l.level, l.line
      from unnest($4::text[], $5::integer[], $6::integer[], $7::bigint[], $8::text[], $9::text[]) with ordinality
        l (id, run, line_run, at, level, line, place)
      join known on known.id = l.id and known.run = l.run order by l.place
    )
    select id from live union all select id from past`,
}

/** A task that was on its way to the history while it was looked for is there now. */
const writeLate = {
  name: 'note-late',
  text: `update @.history h set progress = n.progress from unnest($1::text[], $2::integer[], $3::text[]) n (id, run, progress)
    where h.id = n.id and h.run = n.run`,
}

/** Keeps what runs said. Texts are kept as JSON, which knows characters that PostgreSQL does not. */
export async function writeNotes(query: Query, notes: readonly TaskNote[]): Promise<void> {
  if (notes.length === 0) return
  const latest = new Map<string, TaskNote>()
  for (const note of notes) {
    const key = `${note.run} ${note.id}`
    latest.set(key, { ...note, progress: note.progress ?? latest.get(key)?.progress })
  }
  const runs = [...latest.values()]
  const lines = notes.flatMap(({ id, run, lines: said = [] }) => said.map((line) => ({ id, run, line })))
  const kept = await query(write, [
    runs.map(({ id }) => id),
    runs.map(({ run }) => run),
    runs.map(({ progress }) => progress ?? null),
    lines.map(({ id }) => id),
    lines.map(({ run }) => run),
    lines.map(({ line }) => line.run),
    lines.map(({ line }) => line.at),
    lines.map(({ line }) => line.level),
    lines.map(({ line }) => JSON.stringify(line.text)),
  ])
  const ids = new Set(kept.map(([id]) => id))
  const late = runs.filter(({ id, progress }) => progress !== undefined && !ids.has(id))
  if (late.length === 0) return
  await query(writeLate, [late.map(({ id }) => id), late.map(({ run }) => run), late.map(({ progress }) => progress ?? null)])
}

const read = {
  name: 'logs',
  text: 'select run, at, level, line from @.log where task = $1 order by n',
}

/** The lines of a task, oldest first. */
export async function readLogs(query: Query, id: string): Promise<readonly LogLine[]> {
  return (await query(read, [id])).map(([run, at, level, line]) => ({
    run: run as number,
    at: at as number,
    level: level as LogLine['level'],
    text: JSON.parse(line as string) as string,
  }))
}
