/** Checkups of the machine: Node, the disk under the store, the clock. */
import { open, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { formatDuration, type Store } from '@lovage/core'
import type { StoreFacts } from 'lovage'
import { type Checkup, ok, warn } from './checkup.ts'

const mebibyte = 1024 * 1024
/** Less room than this on the disk is worth a word. */
const scarceBytes = 256 * mebibyte
/** A lease of 30 s is worth little on clocks further apart than a third of it. */
const driftMs = 10_000

/** The version of Node; odd ones are not kept up. */
export const nodeCheckup: Checkup = {
  check: 'node',
  async look() {
    const { node } = process.versions
    const major = Number(node.split('.')[0])
    return major % 2 === 0 ? ok(node) : warn(`${node} gets no long support; use an even version`)
  },
}

/** Room on the disk of a file. */
export function diskCheckup(path: string): Checkup {
  return {
    check: 'disk',
    async look() {
      const { bavail, bsize } = await statfs(dirname(path))
      const free = bavail * bsize
      const text = `${Math.floor(free / mebibyte).toLocaleString('en')} MiB free in ${dirname(path)}`
      return free < scarceBytes ? warn(`${text}; make room before it is full`) : ok(text)
    },
  }
}

/** The version of the schema. */
export function schemaCheckup(facts: StoreFacts): Checkup {
  return {
    check: 'schema',
    async look() {
      const { current, latest } = facts.schema
      return current === latest
        ? ok(`version ${current}, the latest`)
        : warn(`version ${current}, the latest is ${latest}; run \`lovage migrate\``)
    },
  }
}

/** The byte of a SQLite file that says how it is written, 2 for WAL: https://www.sqlite.org/fileformat.html#file_format_version_numbers */
const writeVersionAt = 18

/** How SQLite writes: without WAL, readers and writers wait for each other. */
export function journalCheckup(path: string): Checkup {
  return {
    check: 'journal',
    async look() {
      const file = await open(path)
      try {
        const { buffer } = await file.read({ buffer: Buffer.alloc(1), position: writeVersionAt })
        return buffer[0] === 2
          ? ok('WAL')
          : warn('no WAL: readers and writers wait for each other; keep the file on a local disk')
      } finally {
        await file.close()
      }
    },
  }
}

/** Our clock against the newest times in the store: what was sent in the future was sent by another clock. */
export function clockCheckup(store: Pick<Store, 'find'>): Checkup {
  return {
    check: 'clock',
    async look() {
      const now = Date.now()
      const { tasks } = await store.find({ limit: 100 })
      const newest = Math.max(0, ...tasks.map((task) => Math.max(task.createdAt, task.startedAt ?? 0, task.resolvedAt ?? 0)))
      if (newest <= now + driftMs) return ok(new Date(now).toISOString())
      return warn(
        `${new Date(now).toISOString()}, but a task has a time ${formatDuration(newest - now)} ahead; keep clocks in step (NTP)`,
      )
    },
  }
}
