/** Claims of tasks by their ids. */
import type { DatabaseSync } from 'node:sqlite'
import type { ClaimRequest } from '@lovage/core'
import type { Lane, OpenLane } from './lanes.ts'
import { stateCodes } from './state-codes.ts'
import { rows } from './statement.ts'
import type { Cell } from './verb.ts'

/** A pending task, in a lane of its own. */
export interface Named extends OpenLane {
  readonly id: string
}

export interface NamedClaims {
  /** Those of the tasks that are pending in these queues, the most urgent first. */
  find(queues: readonly string[], request: ClaimRequest): readonly Named[]
  /** Takes them; each row names its task's place as its lane, if not 0. */
  take(tasks: readonly Named[], request: ClaimRequest): readonly [rows: Cell[][], lanes: readonly Lane[]]
}

/** Prepares the statements. @param take an update of the rows whose `seq` is in what follows @param returning of the rows taken */
export function namedClaims(db: DatabaseSync, take: string, returning: string): NamedClaims {
  const place = rows(db, `select queue, name, priority, seq from task where id = ? and state = ${stateCodes.pending}`)
  const takeOne = rows(db, `${take} (select seq from task where id = ? and state = ${stateCodes.pending}) ${returning}`)
  return {
    find: (queues, { ids = [], names, limit }) =>
      [...new Set(ids)]
        .flatMap((id) => {
          const row = place.get(id) as unknown as [string, string, number, number] | undefined
          return row === undefined ? [] : { id, queue: row[0], name: row[1], priority: row[2], seq: row[3] }
        })
        .filter(({ queue, name }) => queues.includes(queue) && (names === undefined || names.includes(name)))
        .sort((a, b) => b.priority - a.priority || a.seq - b.seq)
        .slice(0, limit),
    take(tasks, { holder, worker, until, now }) {
      const taken = tasks.map(({ id }, lane) => {
        const row = takeOne.get(holder, worker, until, now, id) as unknown as Cell[]
        return lane === 0 ? row : [...row, lane]
      })
      return [taken, tasks.map(({ queue, name }) => ({ queue, name }))]
    },
  }
}
