/** The command from end to end: a worker in one process, everything else in others, on one SQLite file. */
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Ended, type LovageCommand, LovageFolder, tasksFile } from './fixtures/lovage-command.ts'

let folder: LovageFolder
let worker: LovageCommand
const lovage = (...args: string[]): Promise<Ended> => folder.run(args)

/** What a command printed as its one JSON document. */
async function json(...args: string[]): Promise<Record<string, unknown>> {
  const ended = await lovage(...args, '--json')
  expect(ended).toMatchObject({ code: 0, stderr: '' })
  return JSON.parse(ended.stdout) as Record<string, unknown>
}

/** Sends a task that runs until its file is written, and waits until it runs. */
async function sendHeld(file: string): Promise<string> {
  const { stdout } = await lovage('send', 'holds', JSON.stringify({ file: join(folder.path, file) }))
  const id = stdout.trim()
  await worker.says(new RegExp(`holds started id=${id}`))
  return id
}

beforeAll(async () => {
  folder = await LovageFolder.make()
  worker = folder.start(['worker', tasksFile, '-n', 'one', '-c', '4', '--loglevel', 'debug'])
  await worker.says(/worker ready[\s\S]*pool/)
})
afterAll(() => folder.close())

describe('a worker in one process, commands in others', { timeout: 60_000 }, () => {
  test('send prints an id; result waits for what came of it', async () => {
    const sent = await lovage('send', 'math.add', '{"a":1,"b":2}')
    expect(sent).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^[0-9a-f-]{36}\n$/) })
    const id = sent.stdout.trim()
    expect(await lovage('result', id, '--wait', '--timeout', '15s')).toMatchObject({ code: 0, stdout: '3\n', stderr: '' })
    expect(await json('result', id)).toMatchObject({ id, state: 'completed', result: 3 })
  })

  test('send --wait prints the result, with the input from stdin', async () => {
    const ended = await folder.run(['send', 'math.add', '-', '--wait'], { input: '{"a":20,"b":22}' })
    expect(ended).toMatchObject({ code: 0, stdout: '42\n', stderr: '' })
  })

  test('send --wait of a task that fails exits 1 with message and code; show tells the whole story', async () => {
    const ended = await lovage('send', 'fails', '-Q', 'frail', '--wait')
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    const line = ended.stderr.trim().split('\n').at(-1) ?? ''
    const [, id = ''] =
      /^lovage: task (\S+) \(fails\) failed: CodedError: the milk is off \(E_SPOILT\); `lovage show /.exec(line) ?? []
    const { stdout } = await lovage('show', id)
    expect(stdout).toMatch(/state +failed/)
    expect(stdout).toMatch(/run 0 .* one@\S+ +retried: CodedError: the milk is off \(E_SPOILT\)/)
    expect(stdout).toMatch(/run 1 .* one@\S+ +failed/)
    expect(stdout).toContain('caused by TypeError: no fridge')
    expect(stdout).toContain('warn  about to fail')
    const shown = await json('show', id)
    expect(shown).toMatchObject({ task: { id, state: 'failed', input: null }, logs: [{ text: 'about to fail' }, {}] })
  })

  test('send refuses an input that the published schema refuses', async () => {
    const ended = await lovage('send', 'math.add', '{"a":1}')
    expect(ended.code).toBe(2)
    expect(ended.stderr).toMatch(/^lovage: expected the input of math\.add to satisfy its schema, got: b: .*\n$/)
  })

  test('send of a name that no worker knows is safe, and says so', async () => {
    const ended = await lovage('send', 'math.ad', '{}', '-Q', 'frail')
    expect(ended).toMatchObject({
      code: 0,
      stderr: 'lovage: no live worker knows math.ad, so it waits until one does; did you mean math.add?\n',
    })
    expect(await json('show', ended.stdout.trim())).toMatchObject({
      task: { state: 'pending' },
      reasons: [expect.stringContaining('math.ad')],
    })
  })

  test('send --tasks takes queue and schema from the file', async () => {
    const wrong = await lovage('send', 'math.add', '{"a":"x","b":1}', '--tasks', tasksFile)
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringMatching(/^lovage: expected the input .* a: /) })
    const { stdout } = await lovage('send', 'fails', '--tasks', tasksFile, '--in', '1 hour')
    expect(await json('show', stdout.trim())).toMatchObject({ task: { queue: 'frail', state: 'scheduled' } })
  })

  test('what runs is seen by status, inspect and result, and cancel aborts it where it runs', async () => {
    const id = await sendHeld('never')
    const status = await lovage('status')
    expect(status.stdout).toMatch(/one@\S+ +\d+ +default,frail +1\/4 /)
    expect(await json('status')).toMatchObject({
      workers: [{ name: expect.stringMatching(/^one@/), answered: true, active: 1, concurrency: 4 }],
    })
    const active = await lovage('inspect', 'active')
    expect(active).toMatchObject({ code: 0, stderr: '' })
    expect(active.stdout).toMatch(new RegExp(`-> one@\\S+: OK\\n {8}\\* .*${id}[\\s\\S]*\\n1 worker answered\\.`))
    expect(await lovage('result', id)).toMatchObject({ code: 0, stdout: 'running 50% waiting\n' })
    expect(await lovage('cancel', id, 'nobody', '--reason', 'no more')).toMatchObject({
      code: 0,
      stdout: `${id} cancelled\n`,
      stderr: 'lovage: nobody was not cancelled: sqlite:./lovage.db knows no task of this id\n',
    })
    await worker.says(new RegExp(`holds was revoked id=${id}`))
    expect(await lovage('cancel', id)).toMatchObject({ code: 1, stderr: expect.stringContaining('has ended already: cancelled') })
    expect(await lovage('result', id)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^lovage: task .* ended as cancelled: .*no more/),
    })
  })

  test('retry runs it again', async () => {
    const id = await sendHeld('again')
    expect(await lovage('retry', id)).toMatchObject({ code: 1, stderr: expect.stringContaining(`it is running on one@`) })
    await writeFile(join(folder.path, 'again'), '')
    expect(await lovage('result', id, '--wait')).toMatchObject({ code: 0, stdout: '"let go"\n' })
    expect(await lovage('retry', id)).toMatchObject({ code: 0, stdout: `${id} made pending\n` })
    expect(await lovage('result', id, '--wait')).toMatchObject({ code: 0, stdout: '"let go"\n' })
    expect(await json('show', id)).toMatchObject({ task: { run: 1, runs: [{ run: 0, outcome: 'completed' }] } })
  })

  test('control changes the worker, by words or pairs', async () => {
    expect(await lovage('control', 'pool_grow', '2')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('pool will grow'),
    })
    expect(await json('inspect', 'stats')).toMatchObject({ replies: [{ ok: true, value: { pool: { 'max-concurrency': 6 } } }] })
    expect(await lovage('control', 'pool_shrink', 'n=2')).toMatchObject({ code: 0 })
    expect(await lovage('control', 'rate_limit', 'math.add', '100/s')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('set successfully'),
    })
    expect(await json('inspect', 'registered')).toMatchObject({
      replies: [{ value: ['fails', 'holds', 'math.add [rate_limit=100/s]'] }],
    })
    expect(await lovage('control', 'rate_limit', 'math.add', '0')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('disabled'),
    })
    expect(await lovage('control', 'time_limit', 'math.add', '30s', '10s')).toMatchObject({ code: 0 })
    expect(await lovage('control', 'rate_limit', 'nobody', '1/s')).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('unknown task'),
    })
  })

  test('events come as they happen, as JSON Lines, and end at a limit or with Ctrl-C', async () => {
    const lines = folder.start(['events', '--types', 'task-*', '--json', '--limit', '2'])
    const words = folder.start(['events', '--types', 'task-succeeded,worker-heartbeat'])
    await words.says(/capturing task-succeeded, worker-heartbeat on sqlite/)
    await words.says(/worker-heartbeat/)
    const { stdout: id } = await lovage('send', 'math.add', '{"a":2,"b":2}')
    await words.says(new RegExp(`task-succeeded +math\\.add ${id.trim()}`))
    words.signal('SIGINT')
    expect(await words.ended).toMatchObject({ code: 0, signal: null })
    const { code, stdout } = await lines.ended
    expect(code).toBe(0)
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(events.map((event) => event.type)).toEqual(['task-received', 'task-started'])
    expect(events[0]).toMatchObject({ name: 'math.add', id: id.trim() })
  })

  test('a paused queue keeps its tasks until it is resumed', async () => {
    await lovage('queue', 'pause', 'default')
    const { stdout } = await lovage('send', 'math.add', '{"a":1,"b":1}')
    expect(await lovage('result', stdout.trim(), '--wait', '--timeout', '200ms')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^lovage: expected task \S+ to be resolved within 200ms, got: it is pending; /),
    })
    expect((await lovage('queue', 'list')).stdout).toMatch(/default .*paused/)
    expect((await lovage('show', stdout.trim())).stdout).toMatch(/Why\n {2}.*paused/)
    expect(await lovage('queue', 'resume', 'default')).toMatchObject({ code: 0, stdout: 'default resumed, 1 pending\n' })
    expect(await lovage('result', stdout.trim(), '--wait')).toMatchObject({ code: 0, stdout: '2\n' })
  })

  test('a schedule fires by hand', async () => {
    await lovage('schedule', 'add', 'nightly', '0 3 * * *', 'math.add', '{"a":3,"b":4}', '--zone', 'Europe/Lisbon')
    const list = await lovage('schedule', 'list')
    expect(list.stdout).toMatch(
      /nightly +0 3 \* \* \* Europe\/Lisbon +math\.add +\d{4}-\d\d-\d\d 03:00:00 Europe\/Lisbon \(in .*\) +never +\{"a":3,"b":4\}/,
    )
    const run = await lovage('schedule', 'run', 'nightly')
    expect(await lovage('result', run.stdout.trim(), '--wait')).toMatchObject({ stdout: '7\n' })
  })

  test('the doctor finds a live store in order', async () => {
    const { findings, failed } = await json('doctor')
    expect(failed).toBe(0)
    expect((findings as { check: string }[]).map(({ check }) => check)).toEqual(
      expect.arrayContaining(['node', 'schema', 'journal', 'signal', 'payloads are JSON']),
    )
  })
})

describe('the end of a worker', { timeout: 60_000 }, () => {
  test('SIGTERM lets running handlers finish; exit 0', async () => {
    const own = await LovageFolder.make()
    try {
      const process = own.start(['worker', tasksFile, '--loglevel', 'debug'])
      await process.says(/worker ready/)
      const sent = await own.run(['send', 'holds', JSON.stringify({ file: join(own.path, 'go') })])
      await process.says(/holds started/)
      process.signal('SIGTERM')
      await process.says(/stopping when running tasks are done/)
      await writeFile(join(own.path, 'go'), '')
      expect(await process.ended).toMatchObject({ code: 0, signal: null })
      expect(await own.run(['result', sent.stdout.trim()])).toMatchObject({ code: 0, stdout: '"let go"\n' })
    } finally {
      await own.close()
    }
  })

  test('a second Ctrl-C aborts them and gives their tasks back', async () => {
    const own = await LovageFolder.make()
    try {
      const process = own.start(['up', tasksFile, '--port', '0', '--loglevel', 'debug'])
      await process.says(/is up/)
      const sent = await own.run(['send', 'holds', JSON.stringify({ file: join(own.path, 'go') })])
      await process.says(/holds started/)
      process.signal('SIGINT')
      await process.says(/Ctrl-C again aborts them/)
      // Echoes of one Ctrl-C count as one, so the second comes when they no longer can.
      const again = setInterval(() => process.signal('SIGINT'), 250)
      const { code } = await process.ended
      clearInterval(again)
      expect(code).toBe(0)
      expect(await own.run(['result', sent.stdout.trim()])).toMatchObject({ stdout: expect.stringMatching(/^pending/) })
    } finally {
      await own.close()
    }
  })

  test.each(['SIGQUIT', 'SIGINT'] as const)('%s ends a start that hangs, if it has to be with a second one', async (signal) => {
    const own = await LovageFolder.make()
    try {
      await writeFile(
        join(own.path, 'stuck.mjs'),
        `import { writeSync } from 'node:fs'
        import { isMainThread } from 'node:worker_threads'
        if (!isMainThread) {
          writeSync(1, 'hanging')
          while (true);
        }
        export const stuck = { kind: 'lovage.task', name: 'stuck', queue: 'default', retry: {}, run() {} }`,
      )
      const process = own.start(['worker', 'stuck.mjs', '--pool', 'threads'])
      await process.says(/hanging/)
      const again = setInterval(() => process.signal(signal), 250)
      const ended = await process.ended
      clearInterval(again)
      expect(ended).toMatchObject({
        code: 1,
        signal: null,
        stderr: expect.stringMatching(/^lovage: .*the pool \(threads\).*\n$/),
      })
    } finally {
      await own.close()
    }
  })

  test('control shutdown ends it from elsewhere', async () => {
    const own = await LovageFolder.make()
    try {
      const process = own.start(['up', tasksFile, '--port', '0', '-n', 'a@b'])
      await process.says(/is up/)
      expect(await own.run(['control', 'shutdown', '-d', 'a@b'])).toMatchObject({ code: 0 })
      expect(await process.ended).toMatchObject({ code: 0 })
    } finally {
      await own.close()
    }
  })
})

describe('serving', { timeout: 60_000 }, () => {
  test('up answers over HTTP where its banner says, and tells of a taken port in one line', async () => {
    const own = await LovageFolder.make()
    try {
      const process = own.start(['up', '--port', '0'])
      const [, url = '', port = ''] = await process.says(/url +(http:\/\/127\.0\.0\.1:(\d+))/)
      expect((await fetch(`${url}/health`)).status).toBe(200)
      const second = await own.run(['server', '--port', port])
      expect(second).toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(/^lovage: expected port \d+ on 127\.0\.0\.1 to be free, got: [^\n]*\n$/),
      })
      process.signal('SIGTERM')
      expect(await process.ended).toMatchObject({ code: 0 })
    } finally {
      await own.close()
    }
  })

  test('server --json logs JSON Lines, the address in the first', async () => {
    const process = folder.start(['server', '--port', '0', '--json'])
    await process.says(/server ready/)
    process.signal('SIGINT')
    const { code, stdout } = await process.ended
    const [first, ...rest] = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(first).toMatchObject({ msg: 'server ready', url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) })
    expect(rest.map((line) => line.msg)).toEqual(['stopping', 'stopped'])
    expect(code).toBe(0)
  })
})

test('output that nobody reads any more is no error', { timeout: 30_000 }, async () => {
  const command = folder.start(['events', '--json'])
  command.child.stdout?.once('data', () => command.child.stdout?.destroy())
  await once(command.child, 'exit')
  expect(command.child.exitCode).toBe(0)
})
