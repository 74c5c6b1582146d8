/** Records: small documents with compare-and-set, all of a call or none. */
import type { DatabaseSync } from 'node:sqlite'
import type { RecordWrite } from '@lovage/core'
import { rows } from './statement.ts'
import type { Cell, Verb } from './verb.ts'

/** Kind, key, value and version. */
export type RecordRow = readonly Cell[]

const columns = 'kind, key, value, version'

/** Prepares the verb that reads one. */
export function readRecordVerb(db: DatabaseSync): Verb<readonly [kind: string, key: string], RecordRow | undefined> {
  const one = rows(db, `select ${columns} from record where kind = ? and key = ?`)
  return { writes: 'read', durable: false, run: ([kind, key]) => one.get(kind, key) as unknown as RecordRow | undefined }
}

/** Prepares the verb that lists a kind. */
export function listRecordsVerb(db: DatabaseSync): Verb<string, readonly RecordRow[]> {
  const all = rows(db, `select ${columns} from record where kind = ? order by key`)
  return { writes: 'read', durable: false, run: (kind) => all.all(kind) as unknown as RecordRow[] }
}

/** Prepares the verb that writes. */
export function writeRecordsVerb(db: DatabaseSync): Verb<readonly RecordWrite[], boolean> {
  const version = rows(db, 'select version from record where kind = ? and key = ?')
  const put = db.prepare(
    `insert into record (kind, key, value, version) values (?, ?, ?, 1)
      on conflict (kind, key) do update set value = excluded.value, version = version + 1`,
  )
  const remove = db.prepare('delete from record where kind = ? and key = ?')
  const versionOf = (kind: string, key: string): number => (version.get(kind, key) as unknown as [number] | undefined)?.[0] ?? 0
  const apply = ({ kind, key, value, version: expected }: RecordWrite): boolean => {
    if (expected !== undefined && expected !== versionOf(kind, key)) return false
    if (value === null) remove.run(kind, key)
    else put.run(kind, key, value)
    return true
  }
  return {
    writes: (writes) => writes.length > 0,
    durable: true,
    run(writes) {
      // Later writes of a call see the earlier ones, so they are applied as they are met and undone when one is refused.
      db.exec('savepoint records')
      const applied = writes.every(apply)
      db.exec(applied ? 'release records' : 'rollback to records; release records')
      return applied
    },
  }
}
