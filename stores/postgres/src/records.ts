/** Records: small documents with compare-and-set, all of a call or none. */
import type { Records, RecordWrite, StoredRecord } from '@lovage/core'
import type { Database, Query, Row } from './database.ts'

const one = { name: 'record', text: 'select kind, key, value, version from @.record where kind = $1 and key = $2' }
const all = { name: 'records', text: 'select kind, key, value, version from @.record where kind = $1 order by key collate "C"' }

const put = {
  name: 'record-put',
  text: `insert into @.record as r (kind, key, value, version) values ($1, $2, $3, 1)
    on conflict (kind, key) do update set value = excluded.value, version = r.version + 1 returning 1`,
}
const add = {
  name: 'record-add',
  text: 'insert into @.record (kind, key, value, version) values ($1, $2, $3, 1) on conflict do nothing returning 1',
}
const change = {
  name: 'record-change',
  text: 'update @.record set value = $3, version = version + 1 where kind = $1 and key = $2 and version = $4 returning 1',
}
const remove = { name: 'record-remove', text: 'delete from @.record where kind = $1 and key = $2 returning 1' }
const removeAt = {
  name: 'record-remove-at',
  text: 'delete from @.record where kind = $1 and key = $2 and version = $3 returning 1',
}
const absent = { name: 'record-absent', text: 'select 1 where not exists (select from @.record where kind = $1 and key = $2)' }

/** Makes the sub-port. */
export function recordsOn(database: Database): Records {
  return {
    async read(kind, key) {
      const [row] = await database.query(one, [kind, key])
      return row === undefined ? undefined : recordFrom(row)
    },
    list: async (kind) => (await database.query(all, [kind])).map(recordFrom),
    async write(writes) {
      const [only] = writes
      if (only === undefined) return true
      if (writes.length === 1) return apply(database.query, only)
      return database.transaction(
        async (query) => {
          // Later writes of a call see the earlier ones.
          for (const write of writes) if (!(await apply(query, write))) return false
          return true
        },
        (applied) => applied,
      )
    },
  }
}

async function apply(query: Query, { kind, key, value, version }: RecordWrite): Promise<boolean> {
  if (value === null) {
    if (version === undefined) await query(remove, [kind, key])
    else if (version === 0) return (await query(absent, [kind, key])).length > 0
    else return (await query(removeAt, [kind, key, version])).length > 0
    return true
  }
  if (version === undefined) return (await query(put, [kind, key, value])).length > 0
  if (version === 0) return (await query(add, [kind, key, value])).length > 0
  return (await query(change, [kind, key, value, version])).length > 0
}

function recordFrom([kind, key, value, version]: Row): StoredRecord {
  return { kind: kind as string, key: key as string, value: value as string, version: version as number }
}
