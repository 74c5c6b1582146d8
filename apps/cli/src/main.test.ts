/** Every way to call the command wrongly has its one line and its exit code; every way to ask for help teaches. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { scriptedTerminal } from './fixtures/scripted-terminal.ts'
import { run } from './main.ts'
import { buildProgram, examplesOf } from './program.ts'
import { path } from './usage-error.ts'

const cwd = mkdtempSync(join(tmpdir(), 'lovage-main-'))
afterAll(() => rmSync(cwd, { recursive: true, force: true }))
const file = (name: string, text: string): string => {
  writeFileSync(join(cwd, name), text)
  return name
}
const broker = `sqlite:${join(cwd, 'lovage.db')}`
beforeAll(async () => void (await call(['migrate'])))

async function call(argv: readonly string[], script: Parameters<typeof scriptedTerminal>[0] = {}) {
  const terminal = scriptedTerminal({ cwd, environment: { LOVAGE_BROKER: broker }, ...script })
  const code = await run(argv, terminal)
  return { code, stdout: terminal.stdout, stderr: terminal.stderr }
}

describe('a wrong call is answered by one line on stderr and exit 2', () => {
  test.each([
    [['sned'], /expected one of the commands up, worker, .*, got: sned; did you mean `lovage send`\?/],
    [['xyzzy'], /got: xyzzy; see `lovage --help`/],
    [['schedule', 'ad'], /expected one of the commands add, list, .*, got: ad; did you mean `lovage schedule add`\?/],
    [['send'], /expected NAME after `lovage send`, got: nothing; write `lovage send NAME \[INPUT\]`/],
    [['send', 'x', '--wiat'], /expected an option of `lovage send`, got: --wiat; did you mean --wait\?/],
    [['send', 'x', '--delay', '1s'], /expected an option of `lovage send`, got: --delay; did you mean --in\?/],
    [['send', 'x', '--in', 'soon'], /expected --in to be a duration such as "500ms", .*, got: "soon"$/m],
    [['send', 'x', '--jsn'], /got: --jsn; did you mean --json\?/],
    [
      ['send', 'x', '1', '2'],
      /expected no more arguments for `lovage send NAME \[INPUT\]`, got: x, 1, 2; put values with spaces/,
    ],
    [['send', 'x', '--in'], /expected a value after --in, got: nothing; write --in <duration>/],
    [['send', 'x', '--in', '7'], /expected --in to have a unit, got: 7/],
    [['send', 'x', '--in', '1m', '--at', '2027-01-01'], /expected either --in or --at, got: both; leave one out/],
    [['send', 'x', '{a:1}'], /expected INPUT to be JSON, got: \{ -->a:1\}/],
    [['send', 'x', '--args', '{}'], /expected --args to be a JSON array/],
    [['send', 'x', '--priority', 'hihg'], /did you mean high\?/],
    [['send', 'x', '--timeout', '1s'], /expected --wait beside --timeout/],
    [
      ['send', 'x', '--key-policy', 'reject'],
      /expected --key beside --key-policy, got: --key-policy alone; name the key, or with --tasks FILE/,
    ],
    [['send', 'two words'], /expected the task name to be 1 to 200 characters without spaces, got: "two words"/],
    [['send', 'x', '--id', 'two words'], /expected `id` to be 1 to 200 visible ASCII characters/],
    [['send', 'x', '--tasks', 'missing.ts'], /expected a task file at missing\.ts, got: no such file/],
    [['worker'], /expected FILES after `lovage worker`, got: nothing; write `lovage worker FILES\.\.\.`/],
    [['worker', 'missing.ts'], /expected a task file at missing\.ts, got: no such file/],
    [['worker', '.'], /expected a task file at \., got: a folder; name its files/],
    [['worker', 'missing.ts', '-c', '0'], /expected --concurrency to be a whole number from 1 to 10000, got: 0/],
    [
      ['worker', 'missing.ts', '--pool', 'thread'],
      /expected --pool to be one of inline, threads, processes, got: "thread"; did you mean threads\?/,
    ],
    [['up', '--port', '99999'], /expected --port to be a whole number from 0 to 65535, got: 99999/],
    [['tasks', '--state', 'done'], /expected --state to be one of blocked, .*, got: "done"/],
    [['tasks', '--limit', '0'], /expected --limit to be a whole number from 1/],
    [['inspect', 'pin'], /expected METHOD to be one of ping, .*, got: pin; did you mean ping\?/],
    [['inspect', 'pause'], /it changes workers: `lovage control pause`/],
    [['control', 'ping'], /it only asks: `lovage inspect ping`/],
    [['control', 'pool_grwo'], /got: pool_grwo; did you mean pool_grow\?/],
    [['control', 'pause', '--terminate'], /expected --terminate only with revoke/],
    [
      ['inspect', 'ping', '-d', 'a', '--pattern', 'b'],
      /expected either --(pattern|destination) or --(pattern|destination), got: both/,
    ],
    [
      ['schedule', 'add', 'x', 'sometimes', 'y'],
      /expected WHEN to be a cron line such as "0 3 \* \* \*" or an interval such as "30s", got: "sometimes"/,
    ],
    [['schedule', 'add', 'x', '1h', 'y', '--args', '{}'], /expected --args to be a JSON array such as '\[1,"two"\]', got: \{\}/],
    [['schedule', 'add', 'x', '1h', 'y', '--kwargs', '[]'], /expected --kwargs to be a JSON object such as '\{.*\}', got: \[\]/],
    [['schedule', 'add', 'x', '1h', 'y', '--deadline', '15'], /expected --deadline to have a unit, got: 15; write "15s"/],
    [['schedule', 'add', 'x', '1h', 'y', '--deadline', 'soon'], /expected --deadline to be a duration such as .*, got: "soon"/],
    [['schedule', 'add', 'x', '1h', 'y', '--deadline', '0'], /expected `deadline` of schedule x to be above 0, got: 0/],
    [['forward'], /expected --to and the URL of the other broker, as in --to amqp:\/\/localhost, got none/],
    [['forward', '--to', 'memory:'], /expected a broker that other processes see, got: memory:/],
    [['forward', '--to', 'mysql://x'], /got the scheme mysql: in "mysql:\/\/x"/],
    [['schedule', 'add', 'x', '61 * * * *', 'y'], /61 \* \* \* \*/],
    [['schedule', 'add', 'x', '@daily', 'y', '--zone', 'Mars/Base'], /Mars\/Base/],
    [['status', '-b', 'mysql://x'], /expected a URL that this version supports .*, got the scheme mysql: in "mysql:\/\/x"/],
    [['status', '-b', 'lovage.db'], /for a file write `sqlite:lovage\.db`/],
    [['status', '--signal', 'redis://u:secret@x'], /expected `signal` to be `amqp:.*` or amqps:, got: "redis:\/\/x"/],
    [['status', '--lease', '0'], /expected --lease to be above 0, got: 0/],
    [['status', '--lease', '10ms'], /expected `lease` to be at least 1s/],
    [['status', '--loglevel', 'loud'], /expected --loglevel to be one of debug, info, warn, error, got: "loud"/],
    [['events', '--types', ','], /expected --types to be names separated by commas/],
    [
      ['send', 'x', '-b', 'memory:'],
      /expected a broker that other processes see, got: memory:, a queue that ends with this command; name a file, as in -b sqlite:/,
    ],
    [['status', '-b', 'memory:'], /expected a broker that other processes see/],
    [['migrate', 'now'], /expected no more arguments for `lovage migrate`, got: now/],
  ])('%j', async (argv, line) => {
    const { code, stdout, stderr } = await call(argv)
    expect(stderr).toMatch(/^lovage: [^\n]*\n$/)
    expect(stderr).toMatch(line)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  })

  test('a wrong LOVAGE_LOGLEVEL names the variable', async () => {
    const { code, stderr } = await call(['status'], { environment: { LOVAGE_LOGLEVEL: 'loud' } })
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'lovage: expected LOVAGE_LOGLEVEL to be one of debug, info, warn, error, got: "loud"\n',
    })
  })

  test('nothing on stdin', async () => {
    expect(await call(['send', 'x', '-'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/expected stdin to be JSON, got: nothing/),
    })
  })
})

describe('a task file that cannot be used', () => {
  test.each([
    [
      'export const a = 1, b = () => {}',
      /to export a task definition, got: exports a \(number\), b \(function\); export what `defineTask/,
    ],
    ['export {}', /got: no exports/],
    ['throw "words"', /to load, got: it threw "words"/],
  ])('%j', async (text, line) => {
    const name = file(`wrong-${text.length}.ts`, text)
    const { code, stdout, stderr } = await call(['worker', name])
    expect(stderr).toMatch(/^lovage: [^\n]*\n$/)
    expect(stderr).toMatch(line)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  })

  test('two definitions of one name', async () => {
    const core = new URL('../../../core/src/index.ts', import.meta.url).href
    const text = `import { defineTask } from '${core}'\nexport const a = defineTask({ name: 'same', run() {} })\n`
    const { code, stderr } = await call(['worker', file('first.ts', text), file('second.ts', text)])
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'lovage: expected one definition of task same, got: two, in first.ts and in second.ts; rename one of them\n',
    })
  })
})

describe('a broker that cannot be reached is exit 69', () => {
  test.each([
    [
      'a folder that is not there',
      () => 'sqlite:/no/such/folder/a.db',
      /expected a queue in \/no\/such\/folder\/a\.db, got: no such file/,
    ],
    [
      'a file that is no database',
      () => `sqlite:${join(cwd, file('text.db', 'hello '.repeat(100)))}`,
      /expected a SQLite file; name another file/,
    ],
    ['nobody who answers', () => broker, /expected an answer to ping within 50ms, got: none on sqlite:/],
  ])('%s', async (_what, url, line) => {
    const { code, stderr } = await call(['inspect', 'ping', '--timeout', '50ms', '-b', url()])
    expect(stderr).toMatch(/^lovage: [^\n]*\n$/)
    expect(stderr).toMatch(line)
    expect(code).toBe(69)
  })
})

describe('who only looks at a file that is not there leaves none behind, and exits 69', () => {
  test.each([
    [['status']],
    [['tasks']],
    [['show', 'a']],
    [['result', 'a']],
    [['cancel', 'a']],
    [['retry', 'a']],
    [['inspect', 'ping']],
    [['control', 'pause']],
    [['events', '--for', '1ms']],
    [['queue', 'list']],
    [['queue', 'pause', 'q']],
    [['schedule', 'list']],
    [['schedule', 'run', 's']],
    [['forward', '--to', 'sqlite:./typo.db']],
  ])('%j', async (argv) => {
    const path = join(cwd, 'typo.db')
    const { code, stdout, stderr } = await call([...argv, '-b', `sqlite:${path}`])
    expect(stderr).toMatch(
      /^lovage: expected a queue in \S+typo\.db, got: no such file\. Check the path; `lovage worker`[^\n]*\n$/,
    )
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' })
    expect(existsSync(path)).toBe(false)
  })

  test.each([[['send', 'x']], [['schedule', 'add', 's', '1h', 'x']], [['migrate']]])('%j begins it', async (argv) => {
    const path = join(cwd, `${argv[0]}-begins.db`)
    expect(await call([...argv, '-b', `sqlite:${path}`])).toMatchObject({ code: 0, stderr: '' })
    expect(existsSync(path)).toBe(true)
  })
})

describe('what does not exist is exit 1', () => {
  test.each([
    [
      ['show', 'nobody'],
      /expected a task that sqlite:\S+ knows, got: nobody; `lovage tasks` lists them, -b names another broker/,
    ],
    [['result', 'nobody'], /expected a task that sqlite:\S+ knows, got: nobody/],
    [['result', 'nobody', '--wait'], /expected a task that sqlite:\S+ knows, got: nobody/],
    [['cancel', 'nobody'], /nobody was not cancelled: sqlite:\S+ knows no task of this id/],
    [['retry', 'nobody'], /nobody was not made pending: sqlite:\S+ knows no task of this id/],
    [['schedule', 'remove', 'nobody'], /expected the name of a schedule, got: nobody/],
    [['schedule', 'run', 'nobody'], /expected the name of a schedule, got: nobody/],
    [['send', 'x', '--after', 'nobody'], /nobody/],
    [['migrate', '--check', '-b', 'sqlite:./nowhere.db'], /^$/],
  ])('%j', async (argv, line) => {
    const { code, stderr } = await call(argv)
    expect(code).toBe(1)
    expect(stderr).toMatch(line)
  })
})

test('--loglevel debug shows the stack', async () => {
  const { stderr } = await call(['status', '-b', 'mysql://x', '--loglevel', 'debug'])
  expect(stderr).toMatch(/ConfigError: \[url unsupported\] expected a URL[\s\S]*\n {4}at /)
})

describe('JSON documents', () => {
  test.each([
    [['status'], { broker: expect.stringContaining('sqlite:'), workers: [], queues: expect.any(Array) }],
    [['tasks'], { tasks: expect.any(Array), more: false }],
    [['schedule', 'list'], { schedules: [] }],
    [['queue', 'list'], { queues: expect.any(Array) }],
    [['queue', 'pause', 'q'], { queue: 'q', paused: true }],
    [['queue', 'resume', 'q'], { queue: 'q', paused: false }],
    [['send', 'x', '{"a":[1]}', '--id', 'my-id'], { id: 'my-id', status: 'sent' }],
    [['send', 'x', '{"a":[1]}', '--id', 'my-id'], { id: 'my-id', status: 'existing' }],
    [
      ['show', 'my-id'],
      { task: { id: 'my-id', input: { a: [1] }, state: 'pending' }, logs: [], reasons: [expect.stringContaining('worker')] },
    ],
    [['result', 'my-id'], { id: 'my-id', state: 'pending' }],
    [['cancel', 'my-id'], { tasks: [{ id: 'my-id', done: true }] }],
    [['retry', 'my-id'], { tasks: [{ id: 'my-id', done: true }] }],
    [['schedule', 'add', 'p', '1h', 'x', '--args', '[1]', '--kwargs', '{"a":2}'], { name: 'p', args: [1], kwargs: { a: 2 } }],
    [['schedule', 'add', 'p', '1h', 'x', '--deadline', '15s'], { name: 'p', deadlineMs: 15_000 }],
    [['schedule', 'list'], { schedules: [{ name: 'p', deadlineMs: 15_000 }] }],
    [['schedule', 'remove', 'p'], { name: 'p', removed: true }],
    [['schedule', 'add', 's', '1h', 'x'], { name: 's', everyMs: 3_600_000, task: 'x' }],
    [['schedule', 'pause', 's'], { name: 's', paused: true }],
    [['schedule', 'resume', 's'], { name: 's', resumed: true }],
    [['schedule', 'run', 's'], { id: expect.any(String) }],
    [['schedule', 'remove', 's'], { name: 's', removed: true }],
    [['migrate'], { from: 2, to: 2, upToDate: true, migrated: false }],
    [['doctor'], { failed: 0, findings: expect.any(Array) }],
  ])('%j', async (argv, document) => {
    const { code, stdout, stderr } = await call([...argv, '--json'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject(document)
  })

  test('of a task that nobody knows', async () => {
    const { code, stdout } = await call(['result', 'nobody', '--json'])
    expect({ code, document: JSON.parse(stdout) }).toEqual({ code: 1, document: { id: 'nobody', state: 'unknown' } })
  })

  test('of workers that do not answer', async () => {
    const { code, stdout } = await call(['inspect', 'ping', '--timeout', '10ms', '--json'])
    expect({ code, document: JSON.parse(stdout) }).toEqual({ code: 69, document: { replies: [] } })
  })
})

describe('texts for a person', () => {
  test('a list that is cut says that there is more', async () => {
    for (const id of ['t1', 't2', 't3']) await call(['send', 'list.me', '--id', id, '-Q', 'lists'])
    const { stdout, stderr } = await call(['tasks', '-Q', 'lists', '--limit', '2'])
    expect(stdout.split('\n').map((line) => line.slice(0, 2))).toEqual(['ID', 't3', 't2', ''])
    expect(stderr).toBe('these are 2; there are more: --all or --limit 10 shows them\n')
    expect((await call(['tasks', '-Q', 'lists', '--all', '--oldest'])).stdout).toMatch(/t1 .*\nt2 .*\nt3 /)
  })

  test('nothing is said in words', async () => {
    expect((await call(['status'])).stdout).toContain('no workers; start one with `lovage worker FILE`')
    expect((await call(['tasks', '--name', 'nobody'])).stdout).toBe('no tasks match\n')
    expect((await call(['schedule', 'list'])).stdout).toMatch(/^no schedules in sqlite:/)
  })

  test('colours show on a terminal only', async () => {
    const escapeCharacter = String.fromCharCode(27)
    expect((await call(['status'], { live: true })).stdout).toContain(escapeCharacter)
    expect((await call(['status'])).stdout).not.toContain(escapeCharacter)
  })
})

test('Ctrl-C ends a stream with exit 0', async () => {
  const terminal = scriptedTerminal({ cwd, environment: { LOVAGE_BROKER: broker } })
  const ended = run(['events'], terminal)
  await expect.poll(() => terminal.stderr).toMatch(/capturing \* on sqlite:/)
  terminal.interrupt()
  expect(await ended).toBe(0)
})

describe('help', () => {
  const program = buildProgram({ terminal: scriptedTerminal(), version: '1.2.3', run: async () => {} })
  const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)]
  const commands = all(program).filter((command) => command.name() !== 'help')

  test.each(commands.map((command) => [path(command), command] as const))(
    '%s --help teaches by 2 to 5 examples',
    async (name, command) => {
      const { code, stdout, stderr } = await call([...name.split(' ').slice(1), '--help'])
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout).toMatch(/Examples:\n {2}\$ /)
      expect(examplesOf(command).length).toBeGreaterThanOrEqual(2)
      expect(examplesOf(command).length).toBeLessThanOrEqual(5)
    },
  )

  test('every example is a call that parses', async () => {
    const lines = commands.flatMap((command) => examplesOf(command).map(({ line }) => line))
    for (const line of lines) {
      const argv = wordsOf(line)
      const quiet = buildProgram({ terminal: scriptedTerminal(), version: '', run: async () => {} })
      await expect(quiet.parseAsync(argv, { from: 'user' }), line).resolves.toBeDefined()
    }
  })

  test('without words there is help, and exit 2', async () => {
    expect(await call([])).toMatchObject({ code: 2, stdout: expect.stringContaining('Usage: lovage COMMAND [options]') })
    expect(await call(['--version'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
    expect(await call(['help', 'send'])).toMatchObject({ code: 0, stdout: expect.stringContaining('lovage send NAME') })
  })
})

/** The words of the last `lovage` in a line of a shell, as far as the examples use one. */
function wordsOf(line: string): string[] {
  const words = [...line.matchAll(/'([^']*)'|"\$\(([^)]*)\)"|(\|)|([^\s'"|]+)/g)].map(
    (match) => match[1] ?? match[2] ?? match[3] ?? match[4] ?? '',
  )
  const parts = words
    .join('\u0000')
    .split('\u0000|\u0000')
    .map((part) => part.split('\u0000'))
  const own = parts.find((part) => part[0] === 'lovage') ?? parts.find((part) => part.includes('lovage')) ?? []
  const argv = own.slice(own.indexOf('lovage') + 1)
  return own[0] === 'xargs' ? [...argv, 'id'] : argv
}
