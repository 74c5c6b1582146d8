/** Lanes are found and shared out as if all pending tasks had been sorted. */
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pendingLanes } from './lanes.ts'
import { applyMigrations } from './schema.ts'
import { stateCodes } from './state-codes.ts'

const name = fc.oneof(fc.constantFrom('a', 'aa', 'b', 'z'), fc.string({ minLength: 1, maxLength: 3, unit: 'grapheme' }))
const task = fc.record({ queue: fc.constantFrom('p', 'q', 'qq'), name, priority: fc.integer({ min: 1, max: 7 }) })

test('the open lanes and their shares are those of the sorted line', () => {
  const db = new DatabaseSync(':memory:')
  applyMigrations(db, 'test')
  const lanes = pendingLanes(db)
  const insert = db.prepare(
    `insert into task (id, name, queue, priority, state, input, lost_limit, created_at) values (?, ?, ?, ?, ${stateCodes.pending}, '', 0, 0)`,
  )
  const queues = fc.uniqueArray(fc.constantFrom('p', 'q', 'x'), { minLength: 1 })
  const names = fc.option(fc.array(name, { maxLength: 12 }), { nil: undefined })
  fc.assert(
    fc.property(
      fc.array(task, { maxLength: 40 }),
      queues,
      names,
      fc.integer({ min: 1, max: 50 }),
      (tasks, asked, known, limit) => {
        db.exec('delete from task')
        for (const [index, each] of tasks.entries()) insert.run(String(index), each.name, each.queue, each.priority)
        const line = tasks
          .map((each, index) => ({ ...each, index }))
          .filter((each) => asked.includes(each.queue as 'q') && (known === undefined || known.includes(each.name)))
          .sort((a, b) => b.priority - a.priority || a.index - b.index)
        const open = lanes.open(asked, known)
        expect(new Set(open.map((lane) => `${lane.queue} ${lane.name}`))).toEqual(
          new Set(line.map((each) => `${each.queue} ${each.name}`)),
        )
        expect(lanes.isAnyOpen(asked, known)).toBe(line.length > 0)
        const head = line.slice(0, limit)
        for (const [index, share] of lanes.shares(open, limit).entries()) {
          const wanted = head.filter((each) => each.queue === open[index]?.queue && each.name === open[index]?.name).length
          expect(open.length === 1 ? Math.min(share, line.length) : share).toBe(wanted)
        }
      },
    ),
  )
  db.close()
})
