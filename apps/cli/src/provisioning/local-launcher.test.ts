/** Worker processes of this machine: that they end is told once and of what, and what cannot be started is refused. */
import { execFile } from 'node:child_process'
import { tmpdir } from 'node:os'
import { promisify } from 'node:util'
import type { LaunchRequest, WorkerExit } from '@lovage/core'
import { expect, test } from 'vitest'
import { localLauncher, type WorkerCommand } from './local-launcher.ts'

const request: LaunchRequest = { workerPoolId: 'p', workerId: 'p-1', worker: 'p-1@here', launchConfig: {} }

function launcherOf(command: Partial<WorkerCommand>) {
  const lines: string[] = []
  const launcher = localLauncher({
    group: 'here',
    command: () => ({ args: [], cwd: tmpdir(), environment: process.env, ...command }),
    output: (_worker, _stream, line) => void lines.push(line),
  })
  const exit = new Promise<WorkerExit>((resolve) => launcher.onExit(resolve))
  return { launcher, exit, lines }
}

test('a process that ends by itself says why', async () => {
  const { launcher, exit, lines } = launcherOf({ args: ['-e', 'console.error("lovage: no such thing"); process.exitCode = 3'] })
  await launcher.launch(request)
  expect(await launcher.list()).toEqual(['p-1'])
  expect(await exit).toEqual({ workerId: 'p-1', reason: 'exit code 3: no such thing' })
  expect([await launcher.list(), lines]).toEqual([[], ['lovage: no such thing']])
})

test('one that is killed says so', async () => {
  const { launcher, exit } = launcherOf({ args: ['-e', 'setInterval(() => {}, 1e6)'] })
  await launcher.launch(request)
  await launcher.kill('p-1')
  expect((await exit).reason).toBe('killed by SIGKILL')
  await launcher.kill('p-1')
  await launcher.stop('p-1', 'warm')
})

test.each([
  ['in a folder that is not there', { cwd: '/nowhere/at/all' }, /ENOENT/],
  ['with more words than the system takes', { args: ['x'.repeat(3_000_000)] }, /E2BIG/],
])('one %s is refused', async (_name, command, reason) => {
  const { launcher } = launcherOf(command)
  await expect(launcher.launch(request)).rejects.toThrow(reason)
  expect(await launcher.list()).toEqual([])
})

test('without a file descriptor left it is refused, and this process lives on', { timeout: 60_000 }, async () => {
  const script = `
    import { openSync } from 'node:fs'
    import { localLauncher } from ${JSON.stringify(import.meta.resolve('./local-launcher.ts'))}
    const command = () => ({ args: ['-e', ''], cwd: '/', environment: {} })
    const launcher = localLauncher({ group: 'here', command, output() {} })
    try { for (;;) openSync('/dev/null') } catch {}
    launcher.launch({ workerId: 'p-1' }).catch((error) => setImmediate(() => console.log('refused:', error.code)))
  `
  const limited = ['-c', 'ulimit -n 100; exec "$0" --input-type=module -e "$1"', process.execPath, script]
  expect((await promisify(execFile)('/bin/sh', limited)).stdout).toBe('refused: EMFILE\n')
})
