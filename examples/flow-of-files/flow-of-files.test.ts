/** The flows as their user meets them: a process that prints what became of five files, on each kind of broker. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { connect } from 'lovage'
import { afterEach, beforeEach, expect, it } from 'vitest'

const main = join(import.meta.dirname, 'main.ts')
const west = join(import.meta.dirname, 'sales/west.csv')

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lovage-flow-of-files-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function run(env: Record<string, string>, ...args: string[]): Promise<string[]> {
  const options = { cwd: folder, env: { ...process.env, ...env }, timeout: 15_000 }
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [main, ...args], options)
  expect(stderr).toBe('')
  return stdout.trimEnd().split('\n')
}

it.each(['memory:', 'sqlite:./lovage.db'])('ranks, breaks, explains and mends on %s', async (broker) => {
  const before = readFileSync(west, 'utf8')
  const cutOff = 'expected west.csv to end with a whole line; is it still being written?'
  expect(await run({ LOVAGE_BROKER: broker })).toEqual([
    'a chord over 4 of the files, 10 tasks in all',
    '  1. south 83.00   2. north 51.50   3. east 30.00   4. harbour 8.00',
    '',
    'a diamond over west.csv, which is cut off: a failure ends what stands behind it',
    `  sales.read run 0 retried: ${cutOff}`,
    `  sales.read run 1 retried: ${cutOff}`,
    expect.stringMatching(/^ {2}sales\.read: It is over: failed at \S+, after 3 runs\.$/),
    `  sales.read: Error: ${cutOff}`,
    expect.stringMatching(/^ {2}sales\.portrait: It is over: exception at \S+, reason: dependency-failed, after 0 runs\.$/),
    expect.stringMatching(/^ {2}sales\.portrait: It needed \S+ \(sales\.read\), which is failed: Error: expected west\.csv/),
    `  protocol: sales.read failed, ${['top-product', 'top-day', 'portrait'].map((name) => `sales.${name} exception (dependency-failed)`).join(', ')}`,
    '',
    'the same diamond, told to wait',
    expect.stringMatching(/^ {2}\[task failed\] task \S+ \(sales\.read\) failed: Error: expected west\.csv/),
    expect.stringMatching(/^ {2}sales\.portrait: It waits for 2 of its dependencies: \S+ \(blocked\), \S+ \(blocked\)\.$/),
    '  mended and retried: most of cake (62.00), best day 2027-01-05 (62.00)',
    '  protocol: sales.read completed, sales.top-product completed, sales.top-day completed, sales.portrait completed',
  ])
  expect(readFileSync(west, 'utf8'), 'the files that were given stay as they were').toBe(before)
})

it('leaves its tasks in the file for later questions', async () => {
  writeFileSync(join(folder, 'only.csv'), 'day,product,amount\n2027-01-04,tea,1\n')
  expect(await run({ LOVAGE_BROKER: 'sqlite:./lovage.db' }, folder)).toEqual([
    'a chord over 1 of the files, 4 tasks in all',
    '  1. only 1.00',
  ])
  const client = await connect(`sqlite:${join(folder, 'lovage.db')}`)
  const { tasks } = await client.find({ name: 'sales.read' })
  expect(tasks.map(({ state }) => state)).toEqual(['completed'])
  expect((await client.logs(tasks[0]?.id ?? '')).map(({ text }) => text)).toEqual(['1 sales in only.csv'])
  await client.close()
})
