/** `lovage worker -b http://...`: servers and workers in processes of their own that are killed, frozen, cut off and restarted. */

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Ended, type LovageCommand, LovageFolder, tasksFile } from './fixtures/lovage-command.ts'

let folder: LovageFolder
let server: LovageCommand
let url: string
const lovage = (...args: string[]): Promise<Ended> => folder.run(args)

beforeEach(async () => {
  folder = await LovageFolder.make()
  await serve('0')
})
afterEach(() => folder.close())

async function serve(port: string): Promise<void> {
  server = folder.start(['server', '--port', port])
  url = (await server.says(/url +(http:\S+)/))[1] ?? ''
}

async function work(name: string, ...more: string[]): Promise<LovageCommand> {
  const worker = folder.start(['worker', tasksFile, '-b', url, '-n', `${name}@far`, '--loglevel', 'debug', ...more])
  await worker.says(/worker ready[\s\S]*pool/)
  return worker
}

/** Sends a task that runs until its file is written. */
async function sendHeld(file: string): Promise<string> {
  const { stdout } = await lovage('send', 'holds', JSON.stringify({ file: join(folder.path, file) }))
  return stdout.trim()
}

const release = (file: string): Promise<void> => writeFile(join(folder.path, file), '')
const started = (worker: LovageCommand, id: string) => worker.says(new RegExp(`holds started id=${id}`))

async function shown(id: string): Promise<{ readonly task: Record<string, unknown> }> {
  return JSON.parse((await lovage('show', id, '--json')).stdout) as { readonly task: Record<string, unknown> }
}

describe('a worker of a server', { timeout: 90_000 }, () => {
  test('runs its tasks, is seen and steered, and stops warm', async () => {
    const worker = await work('one', '-E')
    expect(await lovage('send', 'math.add', '{"a":1,"b":2}', '--wait')).toMatchObject({ code: 0, stdout: '3\n' })
    const id = await sendHeld('gate')
    await started(worker, id)
    const status = JSON.parse((await lovage('status', '--json')).stdout) as { readonly workers: readonly unknown[] }
    expect(status.workers).toMatchObject([{ name: 'one@far', queues: ['default', 'frail'], active: 1, answered: true }])
    expect((await lovage('inspect', 'active', '-d', 'one@far')).stdout).toContain(id)
    expect(await lovage('control', 'rate_limit', 'math.add', '10/m')).toMatchObject({ code: 0 })
    expect(await lovage('control', 'time_limit', 'math.add', '30s', '-d', 'one')).toMatchObject({ code: 0 })
    expect(await shown(id)).toMatchObject({ task: { worker: 'one@far', progress: { value: 0.5, detail: 'waiting' } } })
    worker.signal('SIGTERM')
    await worker.says(/stopping when running tasks are done/)
    await release('gate')
    expect(await worker.ended).toMatchObject({ code: 0 })
    expect(await lovage('result', id)).toMatchObject({ code: 0, stdout: '"let go"\n' })
    const { workers } = JSON.parse((await lovage('status', '--json')).stdout) as { readonly workers: readonly unknown[] }
    expect(workers).toEqual([])
  })

  test('keeps lines of what fails, and tells events', async () => {
    await work('one', '-E')
    const events = folder.start(['events', '--types', 'task-failed', '--limit', '1'])
    await events.says(/capturing/)
    const { stdout } = await lovage('send', 'fails', 'null', '-Q', 'frail')
    expect((await events.ended).stdout).toMatch(/task-failed.*one@far/)
    expect((await lovage('show', stdout.trim())).stdout).toMatch(/run 0 .* one@far +retried[\s\S]*warn {2}about to fail/)
  })

  test('that is killed leaves its task to another', async () => {
    const first = await work('one')
    const id = await sendHeld('gate')
    await started(first, id)
    const second = await work('two')
    first.signal('SIGKILL')
    await started(second, id)
    await release('gate')
    expect(await lovage('result', id, '--wait', '--timeout', '15s')).toMatchObject({ code: 0 })
    expect(await shown(id)).toMatchObject({ task: { run: 1, lost: 1, runs: [{ outcome: 'lost', worker: 'one@far' }] } })
  })

  test('that is frozen is noticed, and stops its run when it wakes', async () => {
    const first = await work('one')
    const id = await sendHeld('gate')
    await started(first, id)
    first.signal('SIGSTOP')
    const second = await work('two')
    await vi.waitFor(() => expect(second.output).toContain(`holds started id=${id}`), { timeout: 40_000 })
    await release('gate')
    expect(await lovage('result', id, '--wait', '--timeout', '15s')).toMatchObject({ code: 0 })
    first.signal('SIGCONT')
    await first.says(new RegExp(`holds (was )?\\S* ?.*id=${id}`))
    first.signal('SIGTERM')
    expect(await first.ended).toMatchObject({ code: 0 })
    expect(await shown(id)).toMatchObject({ task: { state: 'completed', run: 1 } })
  })

  test('goes on with its run while the server is restarted, and what it said is counted once', async () => {
    const worker = await work('one')
    const id = await sendHeld('gate')
    await started(worker, id)
    const { port } = new URL(url)
    server.signal('SIGKILL')
    await server.ended
    await release('gate')
    await serve(port)
    expect(await lovage('result', id, '--wait', '--timeout', '15s')).toMatchObject({ code: 0, stdout: '"let go"\n' })
    expect(await shown(id)).toMatchObject({ task: { run: 0, lost: 0 } })
    expect(await lovage('send', 'math.add', '{"a":1,"b":2}', '--wait')).toMatchObject({ code: 0, stdout: '3\n' })
  })

  test('is refused in one line with a wrong token, and where nobody is', async () => {
    const wrong = await lovage('worker', tasksFile, '-b', url, '--token', 'nonsense')
    expect(wrong).toMatchObject({ code: 2, stdout: '' })
    expect(wrong.stderr).toMatch(/^lovage: cannot connect to http\S+: expected a token that this server knows.*\n$/)
    const nobody = await lovage('worker', tasksFile, '-b', 'http://127.0.0.1:1')
    expect(nobody).toMatchObject({ code: 69 })
    expect(nobody.stderr).toMatch(/^lovage: cannot connect to http:\/\/127\.0\.0\.1:1\S*: .*\n$/)
    const lease = await lovage('worker', tasksFile, '-b', url, '--lease', '10s')
    expect(lease).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^lovage: expected no `lease` for a Lovage server.*\n$/),
    })
    const status = await lovage('status', '-b', url)
    expect(status).toMatchObject({ code: 1, stderr: expect.stringMatching(/^lovage: expected the URL of a store .*\n$/) })
  })

  test('sends through it, and sees what became of that', async () => {
    await work('one')
    expect(await lovage('send', 'math.add', '{"a":2,"b":3}', '--wait', '-b', url)).toMatchObject({ code: 0, stdout: '5\n' })
    const { stdout } = await lovage('send', 'math.add', '{"a":1,"b":1}', '-b', url)
    expect(await lovage('result', stdout.trim(), '--wait', '-b', url)).toMatchObject({ code: 0, stdout: '2\n' })
  })
})
