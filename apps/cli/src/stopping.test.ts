/** How a worker's process ends: gently when its terminal goes, and not without a word when something is thrown past its handlers. */
import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { LovageFolder, tasksFile } from './fixtures/lovage-command.ts'

let folder: LovageFolder
beforeEach(async () => {
  folder = await LovageFolder.make()
})
afterEach(() => folder.close())

describe('the end of a worker', { timeout: 60_000 }, () => {
  test.each(['with the signal', 'without it, when nobody reads the log any more'])(
    'closing its terminal lets handlers finish, %s',
    async (way) => {
      const worker = folder.start(['worker', tasksFile, '--loglevel', 'debug'])
      await worker.says(/worker ready[\s\S]*pool/)
      const file = join(folder.path, 'go')
      const sent = await folder.run(['send', 'holds', JSON.stringify({ file })])
      await worker.says(/holds started/)
      if (way === 'with the signal') {
        worker.signal('SIGHUP')
        await worker.says(/stopping when running tasks are done/)
        expect((await folder.run(['status'])).stdout).toMatch(/worker@.* stopping$/m)
      }
      worker.child.stdout?.destroy()
      worker.child.stderr?.destroy()
      // What it logs of this one shows it that nobody reads.
      await folder.run(['send', 'math.add', '{"a":1,"b":2}'])
      await writeFile(file, '')
      expect(await worker.ended).toMatchObject({ code: 0, signal: null })
      expect(await folder.run(['result', sent.stdout.trim()])).toMatchObject({ stdout: '"let go"\n' })
    },
  )

  test('output that does not get out is told once, stops no task and shows in the exit code', async () => {
    const path = join(folder.path, 'read-only')
    await writeFile(path, '')
    const file = await open(path, 'r')
    onTestFinished(() => file.close())
    const worker = folder.start(['worker', tasksFile], { stdout: file.fd })
    await worker.says(/lovage: expected to write to stdout, got: .*; lines are missing there\n/)
    for (const a of [1, 2]) expect((await folder.run(['send', 'math.add', `{"a":${a},"b":2}`, '--wait'])).code).toBe(0)
    worker.signal('SIGINT')
    const { code, stderr } = await worker.ended
    expect(code).toBe(1)
    expect(stderr.match(/expected to write/g)).toHaveLength(1)
    const listed = await folder.run(['tasks', '--json'], { stdout: file.fd })
    expect(listed).toMatchObject({ code: 1, stderr: expect.stringMatching(/^lovage: expected to write to stdout, got: /) })
  })

  test('a late throw is told with its place and what ran', async () => {
    const core = fileURLToPath(new URL('../../../core/src/index.ts', import.meta.url))
    await writeFile(
      join(folder.path, 'late.ts'),
      `import { defineTask } from '${core}'
export const late = defineTask({
  name: 'late',
  run: () => new Promise(() => { setTimeout(() => { throw new RangeError('later') }, 1) }),
})`,
    )
    const worker = folder.start(['worker', 'late.ts'])
    await worker.says(/worker ready[\s\S]*pool/)
    const sent = await folder.run(['send', 'late'])
    const { code, stderr } = await worker.ended
    expect(code).toBe(1)
    const id = sent.stdout.trim()
    expect(stderr).toMatch(
      new RegExp(
        `^lovage: RangeError: later, at .*late\\.ts:4\nlovage: it was thrown later.*\nlovage: running here.*: late ${id}\n.*--pool`,
      ),
    )
    expect(stderr.trim().split('\n')).toHaveLength(4)
  })
})
