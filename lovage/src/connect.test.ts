/** The front door: every form of URL that opens, and the one line that says why another does not. */
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BackendOptions, type ConnectOptions, connect, defineTask, openBackend, Worker } from './index.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lovage-connect-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('connect', () => {
  test('opens a file, keeps what is sent, and finds it again', async () => {
    const url = `sqlite:${join(folder, 'kept.db')}`
    const first = await connect(url)
    const { id } = await first.send('later', { a: 1 }, { delay: '1h' })
    await first.close()
    const second = await connect(url, { synchronous: 'normal', lease: '10s' })
    expect(await second.task(id).state()).toMatchObject({ id, name: 'later', state: 'scheduled' })
    await second.close()
    await second.close()
  })

  test('reads absolute paths with one slash and with three', async () => {
    for (const [form, file] of [
      ['sqlite:', 'one.db'],
      ['sqlite://', 'three.db'],
      ['SQLite:', 'upper.db'],
    ] as const) {
      const path = join(folder, file)
      await (await connect(`${form}${path}`)).close()
      expect((await stat(path)).isFile()).toBe(true)
    }
  })

  test('runs a task in memory', async () => {
    const broker = await connect('memory:')
    const greet = defineTask({ name: 'greet', run: ({ who }: { who: string }) => `hello ${who}` })
    const worker = new Worker({ broker, tasks: [greet] })
    await worker.start()
    const task = await broker.send(greet, { who: 'world' })
    expect(await task.result({ timeout: '5s' })).toBe('hello world')
    await worker.stop()
    await broker.close()
  })

  const refusals: readonly [string, RegExp][] = [
    [
      'mysql://u:secret@db/x',
      /`sqlite:\.\/lovage\.db`, `postgres:\/\/user@host\/database`, `memory:`, `amqp:\/\/.*`, `redis:\/\/host\/0`, `https:\/\/lovage\.example`\), got the scheme mysql: in "mysql:\/\/db\/x"$/,
    ],
    ['postgres:app', /expected `postgres:\/\/user@host\/database`, got: "postgres:app"$/],
    ['postgresql://', /expected `postgres:\/\/user@host\/database`, got: "postgresql:\/\/"$/],
    ['ftp://lovage.example', /got the scheme ftp:/],
    ['mongodb://localhost', /got the scheme mongodb:/],
    ['release+amqp://localhost', /got the scheme release\+amqp:/],
    ['constructor:x', /got the scheme constructor:/],
    ['./lovage.db', /got: "\.\/lovage\.db"; for a file write `sqlite:\.\/lovage\.db`$/],
    ['lovage.db', /write `sqlite:lovage\.db`$/],
    ['', /got: ""$/],
    ['sqlite:', /expected a file behind `sqlite:`/],
    ['sqlite://lovage.db', /did you mean `sqlite:lovage\.db` or `sqlite:\/lovage\.db`\?$/],
    ['memory:shared', /expected `memory:` alone, got: "memory:shared"/],
  ]
  test.for(refusals)('refuses %o', async ([url, message]) => {
    await expect(connect(url)).rejects.toMatchObject({ name: 'ConfigError', code: 'URL_UNSUPPORTED' })
    await expect(connect(url)).rejects.toThrow(message)
  })

  test('refuses options that this version or this broker does not know', async () => {
    await expect(connect('memory:', { signal: 'redis://user:secret@mq' })).rejects.toThrow(
      /expected `signal` to be `amqp:.*` or amqps:, got: "redis:\/\/mq"$/,
    )
    await expect(connect('memory:', { results: 'redis://r' })).rejects.toThrow(/the queue keeps its own results/)
    await expect(connect('memory:', { celery: {} })).rejects.toThrow(
      /`celery` only beside a URL of RabbitMQ or Redis, got: "memory:"$/,
    )
    await expect(connect('amqp://127.0.0.1:1', { lease: '3s' })).rejects.toThrow(/expected no `lease` for a Celery cluster/)
    await expect(openBackend('redis://u:secret@r')).rejects.toThrow(
      /expected the URL of a store, got a Celery cluster.*"redis:\/\/r"$/,
    )
    await expect(connect('memory:', { leese: '3s' } as ConnectOptions)).rejects.toThrow(
      /^\[option invalid\] expected an option of connect \(synchronous, .*\), got: "leese"; did you mean `lease`\?$/,
    )
    const misspelt = join(folder, 'misspelt.db')
    await expect(connect(`sqlite:${misspelt}`, { synchronus: 'normal' } as ConnectOptions)).rejects.toThrow(/`synchronous`\?$/)
    await expect(stat(misspelt)).rejects.toThrow('ENOENT')
    await expect(connect('memory:', { retention: { complete: '1h' } as ConnectOptions['retention'] })).rejects.toThrow(
      /option of `retention` \(completed, failed, exception, result\), got: "complete"; did you mean `completed`\?$/,
    )
    await expect(openBackend('memory:', { lease: '3s' } as BackendOptions)).rejects.toThrow(/option of openBackend/)
    await expect(connect('memory:', { lease: 'soon' })).rejects.toMatchObject({ code: 'DURATION_INVALID' })
  })

  test('refuses what is no Lovage file, and leaves it alone', async () => {
    const path = join(folder, 'text.db')
    await writeFile(path, 'this is a text, and a long enough one for a header of a hundred bytes: '.repeat(20))
    const before = await stat(path)
    await expect(connect(`sqlite:${path}`)).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
    expect((await stat(path)).mtimeMs).toBe(before.mtimeMs)
    await expect(connect(`sqlite:${join(folder, 'no', 'such', 'folder.db')}`)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    })
  })
})

test('openBackend gives the store without a queue on top', async () => {
  const backend = await openBackend('memory:')
  expect(await backend.store.counts()).toEqual([])
  await backend.close()
})
