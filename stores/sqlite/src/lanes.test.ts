/** Lanes are found and shared out as if all pending tasks had been sorted. */
import { DatabaseSync, StatementSync } from 'node:sqlite'
import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import { pendingLanes } from './lanes.ts'
import { applyMigrations } from './schema.ts'
import { stateCodes } from './state-codes.ts'

const name = fc.oneof(fc.constantFrom('a', 'aa', 'b', 'z'), fc.string({ minLength: 1, maxLength: 3, unit: 'grapheme' }))
const task = fc.record({ queue: fc.constantFrom('p', 'q', 'qq'), name, priority: fc.integer({ min: 1, max: 7 }) })

test('the open lanes and the line that they make are those of all tasks, sorted', () => {
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
        const seqs: number[] = []
        for (const [index, each] of tasks.entries())
          seqs.push(Number(insert.run(String(index), each.name, each.queue, each.priority).lastInsertRowid))
        const line = tasks
          .map((each, index) => ({ ...each, seq: seqs[index] as number }))
          .filter((each) => asked.includes(each.queue as 'q') && (known === undefined || known.includes(each.name)))
          .sort((a, b) => b.priority - a.priority || a.seq - b.seq)
        const open = lanes.open(asked, known)
        expect(new Set(open.map((lane) => `${lane.queue} ${lane.name}`))).toEqual(
          new Set(line.map((each) => `${each.queue} ${each.name}`)),
        )
        expect(lanes.isAnyOpen(asked, known)).toBe(line.length > 0)
        const taken = lanes.line(open, limit).map(([lane, , seq]) => `${open[lane]?.queue} ${open[lane]?.name} ${seq}`)
        expect(taken).toEqual(line.slice(0, limit).map((each) => `${each.queue} ${each.name} ${each.seq}`))
      },
    ),
  )
  db.close()
})

test('of lanes that share the line only a few tasks more than are taken are looked at', () => {
  const db = new DatabaseSync(':memory:')
  applyMigrations(db, 'test')
  const lanes = pendingLanes(db)
  const insert = db.prepare(
    `insert into task (id, name, queue, priority, state, input, lost_limit, created_at) values (?, ?, 'q', 4, ${stateCodes.pending}, '', 0, 0)`,
  )
  const names = Array.from({ length: 50 }, (_, index) => `n${index}`)
  for (let index = 0; index < 5000; index++) insert.run(String(index), names[index % 50] as string)
  const open = lanes.open(['q'], names)
  const all = vi.spyOn(StatementSync.prototype, 'all')
  onTestFinished(() => all.mockRestore())
  expect(lanes.line(open, 100)).toHaveLength(100)
  expect(all.mock.results.flatMap(({ value }) => value as unknown[]).length).toBeLessThanOrEqual(100)
  all.mockClear()
  expect(lanes.line(open, 1)).toHaveLength(1)
  expect(all).not.toHaveBeenCalled()
  db.close()
})
