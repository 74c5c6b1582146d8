/** The program as its user meets it, with either pool. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const main = join(import.meta.dirname, 'main.ts')

function run(...args: string[]): Promise<{ code: number; lines: string[]; stderr: string }> {
  return new Promise((done) => {
    execFile(process.execPath, [main, ...args], { timeout: 30_000, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      done({ code: Number(error?.code ?? (error === null ? 0 : -1)), lines: stdout.trimEnd().split('\n'), stderr })
    })
  })
}

it.each(['threads', 'processes'])(
  'watches, grows, kills, terminates and speeds up a worker with a pool of %s',
  async (pool) => {
    const { code, lines, stderr } = await run('--pool', pool)
    expect(stderr).toBe('')
    expect(lines).toEqual([
      'pool_grow: from 1 to 2 at once',
      // Two tasks run side by side, so their percentages are mixed.
      expect.stringMatching(/^progress:( \d+%)+ 100%$/),
      'kept with the task: info 148933 primes below 2000000',
      expect.stringMatching(/^\[task failed\] task \S+ \(hang\) failed \(timeout\): HardTimeout: .*time limit of 300ms$/),
      expect.stringMatching(/^killed: there were [\d, ]+, now [\d, ]*$/),
      'its last words: warn this will never end',
      'active: search',
      expect.stringMatching(/^\[task exception\] task \S+ \(search\) ended as cancelled: /),
      'ask [rate_limit=1/m]: 1 of 3 done',
      'rate_limit 0: answer 1, answer 2, answer 3',
    ])
    const [, before = '', after = ''] = /^killed: there were (.*), now (.*)$/.exec(lines[4] ?? '') ?? []
    const left = before.split(', ').filter((child) => after.split(', ').includes(child))
    expect(left.length, 'one of them was killed').toBe(before.split(', ').length - 1)
    expect(code).toBe(0)
  },
  40_000,
)

it('refuses a pool that cannot kill a handler', async () => {
  expect(await run('--pool', 'inline')).toMatchObject({
    code: 2,
    stderr: 'expected --pool to be threads or processes, which can be killed, got: inline\n',
  })
})
