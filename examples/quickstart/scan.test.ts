/** Sending a folder, on a queue in memory whose clock stands still. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { drain, type TestBroker, testBroker } from '@lovage/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { defineRescan } from './rescan.ts'
import { type Folder, lastGeneration, sendScan } from './scan.ts'
import { measure, report } from './tasks.ts'

let broker: TestBroker
let base: string
let about: Folder

beforeEach(async () => {
  broker = await testBroker()
  base = mkdtempSync(join(tmpdir(), 'lovage-scan-'))
  about = { folder: base, out: join(base, 'out'), generation: '', database: join(base, 'lovage.db'), limit: 100 }
  for (const name of ['a', 'b', 'c', 'lovage.db', 'lovage.db-wal']) writeFileSync(join(base, name), name)
})

afterEach(async () => {
  await broker.close()
  rmSync(base, { recursive: true, force: true })
})

it('sends a folder once, however often it is asked to', async () => {
  const first = await sendScan(broker, about)
  const second = await sendScan(broker, about)
  expect([first.known, second.known]).toEqual([0, 3])
  expect([first.report.status, second.report.status]).toEqual(['sent', 'existing'])
  expect(second.report.id).toBe(first.report.id)
})

it('reports a file that went away before it was measured, and the others', async () => {
  const scan = await sendScan(broker, about)
  rmSync(join(base, 'b'))
  for (let run = 0; run < 4; run++) {
    await drain(broker, [measure, report])
    await broker.clock.advance('1s')
  }
  const made = await scan.report.result()
  expect(made.files.map(({ path }) => path)).toEqual(['a', 'c'])
  expect(made.missing).toEqual([{ path: 'b', why: expect.stringContaining('ENOENT') }])
  expect(JSON.parse(readFileSync(join(about.out, 'report.json'), 'utf8'))).toEqual(made)
})

it('makes a new report when the schedule finds a change, and keeps what has not changed', async () => {
  const rescan = defineRescan(broker)
  const tasks = [measure, report, rescan]
  await sendScan(broker, about)
  await drain(broker, tasks)
  await broker.schedules.add({ name: rescan.name, every: '5m', task: rescan, input: about })
  writeFileSync(join(base, 'd'), 'new')

  await broker.clock.advance('6m')
  const ran = await drain(broker, tasks)
  expect(ran.map(({ name }) => name)).toEqual([rescan.name, measure.name, report.name])
  expect(ran[0]?.result).toMatchObject({ files: 4, changed: true })

  await broker.clock.advance('5m')
  const idle = await drain(broker, tasks)
  expect(idle.map(({ name, result }) => [name, (result as { changed: boolean }).changed])).toEqual([[rescan.name, false]])
})

it('knows the generation of the last start', async () => {
  expect(await lastGeneration(broker, base)).toBe('')
  await sendScan(broker, { ...about, generation: 'two' })
  expect(await lastGeneration(broker, base)).toBe('two')
  expect(await lastGeneration(broker, '/elsewhere')).toBe('')
})
