/** The server over real HTTP: every address, its refusals, and what ends when it closes. */
import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { defineTask, type Logger, StoreError } from '@lovage/core'
import { drain, type TestBroker, testBroker } from '@lovage/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createServer, type Listening } from './index.ts'

const double = defineTask({ name: 'double', run: (n: number) => n * 2 })
const fails = defineTask({
  name: 'fails',
  retry: { limit: 0 },
  run: (_: undefined, context) => {
    context.log.warn('about to fail')
    throw new RangeError('no luck')
  },
})

let broker: TestBroker
let server: Listening
beforeEach(async () => {
  broker = await testBroker()
  server = await createServer({ client: broker }).listen(0)
})
afterEach(async () => {
  await server.close()
  await broker.close()
})

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined }
}

describe('tasks', () => {
  test('are sent, listed, shown with runs and logs, explained', async () => {
    const sent = await call('POST', '/api/tasks', { name: 'fails', id: 'mine', priority: 'high', queue: 'q', headers: { a: 1 } })
    expect(sent).toMatchObject({ status: 201, body: { id: 'mine', status: 'sent' } })
    const again = await call('POST', '/api/tasks', { name: 'fails', id: 'mine', priority: 'high', queue: 'q', headers: { a: 1 } })
    expect(again).toMatchObject({ status: 200, body: { id: 'mine', status: 'existing' } })
    expect((await call('GET', '/api/tasks/mine/explain')).body).toMatchObject({ state: 'pending', reasons: [expect.any(String)] })
    await drain(broker, [fails])
    expect((await call('GET', '/api/tasks/mine')).body).toMatchObject({
      id: 'mine',
      name: 'fails',
      queue: 'q',
      priority: 'high',
      state: 'failed',
      input: null,
      headers: { a: 1 },
      failure: { name: 'RangeError', message: 'no luck', stack: expect.any(String) },
      run: 0,
      runs: [],
    })
    expect((await call('GET', '/api/tasks/mine/logs')).body.lines).toMatchObject([
      { level: 'warn', text: 'about to fail', run: 0 },
    ])
    const { body } = await call('GET', '/api/tasks?state=failed,exception&state=running&queue=q&name=fails')
    expect(body.tasks).toMatchObject([{ id: 'mine', failure: { name: 'RangeError', message: 'no luck' } }])
    expect(body.tasks[0]).not.toHaveProperty('input')
    expect((await call('GET', '/api/tasks?queue=other')).body).toEqual({ tasks: [] })
  })

  test('come page by page', async () => {
    await broker.sendMany(Array.from({ length: 5 }, (_, input) => ({ task: double, input, options: { id: `t${input}` } })))
    const ids: string[] = []
    let cursor = ''
    do {
      const { body } = await call('GET', `/api/tasks?limit=2&order=oldest${cursor}`)
      ids.push(...body.tasks.map(({ id }: { id: string }) => id))
      cursor = body.cursor === undefined ? '' : `&cursor=${encodeURIComponent(body.cursor)}`
    } while (cursor !== '')
    expect(ids).toEqual(['t0', 't1', 't2', 't3', 't4'])
  })

  test('take every option of send', async () => {
    const options = { delay: '1h', deadline: '2h', key: 'k', keyPolicy: 'reject', retryLimit: 1, lostLimit: 2, timeout: '5s' }
    const { body } = await call('POST', '/api/tasks', { name: 'double', input: 4, ...options })
    expect((await call('GET', `/api/tasks/${body.id}`)).body).toMatchObject({
      state: 'scheduled',
      input: 4,
      key: 'k',
      retryLimit: 1,
      lostLimit: 2,
      timeoutMs: 5000,
      dueAt: broker.clock.now() + 3_600_000,
      deadline: broker.clock.now() + 7_200_000,
    })
    const taken = await call('POST', '/api/tasks', { name: 'double', input: 5, key: 'k', keyPolicy: 'reject' })
    expect(taken).toMatchObject({ status: 409, body: { code: 'KEY_CONFLICT', retryable: false } })
  })

  test('are cancelled and retried, and refused where that has no effect', async () => {
    await broker.send(double, 4, { id: 'a', delay: '1h' })
    expect(await call('POST', '/api/tasks/a/cancel', { reason: 'enough' })).toMatchObject({
      status: 200,
      body: { cancelled: true },
    })
    expect(await call('POST', '/api/tasks/a/cancel')).toMatchObject({ status: 409, body: { code: 'TRANSITION_REFUSED' } })
    expect(await call('POST', '/api/tasks/a/retry')).toMatchObject({ status: 200, body: { id: 'a', retried: true } })
    expect(await call('POST', '/api/tasks/a/retry')).toMatchObject({ status: 409, body: { code: 'TRANSITION_REFUSED' } })
    expect(await drain(broker, [double])).toMatchObject([{ id: 'a', result: 8 }])
  })

  test.for([
    ['GET', '/api/tasks/none'],
    ['GET', '/api/tasks/none/logs'],
    ['GET', '/api/tasks/none/explain'],
    ['GET', '/api/tasks/none/result'],
    ['GET', '/api/tasks/none/result?wait=5'],
    ['POST', '/api/tasks/none/cancel'],
    ['POST', '/api/tasks/none/retry'],
  ] as const)('are unknown: %s %s', async ([method, path]) => {
    expect(await call(method, path)).toMatchObject({ status: 404, body: { code: 'TASK_UNKNOWN', retryable: false } })
  })
})

describe('a result', () => {
  test('is answered at once without a wait, whatever the state', async () => {
    await broker.send(double, 4, { id: 'a' })
    expect(await call('GET', '/api/tasks/a/result')).toMatchObject({ status: 202, body: { id: 'a', state: 'pending' } })
    await drain(broker, [double])
    expect(await call('GET', '/api/tasks/a/result?wait=60')).toMatchObject({
      status: 200,
      body: { state: 'completed', result: 8 },
    })
  })

  test('wakes who waits for it', async () => {
    await broker.send(double, 4, { id: 'a' })
    const waiting = call('GET', '/api/tasks/a/result?wait=60')
    await listens(broker)
    await drain(broker, [double])
    expect(await waiting).toMatchObject({ status: 200, body: { state: 'completed', result: 8 } })
  })

  test('that does not come in time is answered with the state', async () => {
    await broker.send(double, 4, { id: 'a', delay: '1h' })
    const waiting = call('GET', '/api/tasks/a/result?wait=2')
    await listens(broker)
    await broker.clock.advance('2s')
    expect(await waiting).toMatchObject({ status: 202, body: { state: 'scheduled' } })
  })

  test('is not waited for once the client has gone', async () => {
    let began = (): void => {}
    let looked = (): void => {}
    const waiting = new Promise<void>((resolve) => {
      began = resolve
    })
    const left = new Promise<void>((resolve) => {
      looked = resolve
    })
    const wait = (_id: string, { signal }: { signal?: AbortSignal | undefined } = {}) => {
      began()
      return new Promise<never>((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
    }
    const state = async () => {
      looked()
      return { id: 'a', state: 'pending' as const }
    }
    const task = (id: string) => ({ ...broker.task(id), state })
    const client = { ...broker, results: { ...broker.results, wait }, task: task as typeof broker.task }
    const other = await createServer({ client }).listen(0)
    const sent = request({ host: '127.0.0.1', port: other.port, path: '/api/tasks/a/result?wait=60', agent: false })
    sent.on('error', () => {}).end()
    await waiting
    sent.destroy()
    await left
    await other.close()
  })

  test('is not waited for once the server closes', async () => {
    await broker.send(double, 4, { id: 'a' })
    const waiting = call('GET', '/api/tasks/a/result?wait=60')
    await listens(broker)
    await server.close()
    expect(await waiting).toMatchObject({ status: 202 })
  })
})

/** Resolves when a wait for a result has armed its timer. */
async function listens({ clock }: TestBroker): Promise<void> {
  const before = clock.pending
  await expect.poll(() => clock.pending, { interval: 1, timeout: 5000 }).toBeGreaterThan(before)
}

describe('queues, workers and schedules', () => {
  test('queues are counted, paused and resumed', async () => {
    await broker.send(double, 1)
    expect(await call('POST', '/api/queues/default/pause')).toMatchObject({
      status: 200,
      body: { queue: 'default', paused: true },
    })
    const { body } = await call('GET', '/api/queues')
    expect(body.queues).toMatchObject([{ queue: 'default', paused: true, counts: { pending: 1 } }])
    expect(await drain(broker, [double])).toEqual([])
    await call('POST', '/api/queues/default/resume')
    expect(await drain(broker, [double])).toHaveLength(1)
    expect(await call('POST', '/api/queues/two%20words/pause')).toMatchObject({ status: 400, body: { code: 'NAME_INVALID' } })
  })

  test('schedules are added, listed, paused, resumed, run and removed', async () => {
    const added = await call('POST', '/api/schedules', { name: 's', every: '1m', task: 'double', input: 3 })
    expect(added).toMatchObject({ status: 201, body: { name: 's', everyMs: 60_000, task: 'double', input: 3, paused: false } })
    expect((await call('POST', '/api/schedules/s/pause')).body).toEqual({ name: 's', paused: true })
    expect((await call('GET', '/api/schedules')).body.schedules).toMatchObject([{ name: 's', paused: true }])
    expect((await call('POST', '/api/schedules/s/resume')).body).toEqual({ name: 's', paused: false })
    const run = await call('POST', '/api/schedules/s/run')
    expect(run.status).toBe(201)
    expect(await drain(broker, [double])).toMatchObject([{ id: run.body.id, result: 6 }])
    expect((await call('DELETE', '/api/schedules/s')).status).toBe(204)
    for (const [method, path] of [
      ['DELETE', '/api/schedules/s'],
      ['POST', '/api/schedules/s/pause'],
      ['POST', '/api/schedules/s/resume'],
      ['POST', '/api/schedules/s/run'],
    ] as const) {
      expect(await call(method, path)).toMatchObject({ status: 404, body: { code: 'SCHEDULE_UNKNOWN' } })
    }
  })

  test('a deadline of a schedule is told, kept when it is added as it was listed, and given to its tasks', async () => {
    const body = { name: 'brief', every: '10s', task: 'double', input: 3, deadline: '15s' }
    expect(await call('POST', '/api/schedules', body)).toMatchObject({ status: 201, body: { deadlineMs: 15_000 } })
    const [listed] = (await call('GET', '/api/schedules')).body.schedules
    expect(await call('POST', '/api/schedules', listed)).toMatchObject({ status: 201, body: { deadlineMs: 15_000 } })
    const { id } = (await call('POST', '/api/schedules/brief/run')).body
    const { deadline, createdAt } = (await call('GET', `/api/tasks/${id}`)).body
    expect(deadline - createdAt).toBe(15_000)
  })

  test.for([
    [{ name: 's', task: 't' }, 'SCHEDULE_INVALID'],
    [{ name: 's', task: 't', every: '1m', deadline: 0 }, 'SCHEDULE_INVALID'],
    [{ name: 's', task: 't', every: '1m', deadlineMs: -1 }, 'SCHEDULE_INVALID'],
    [{ name: 's', task: 't', every: '1m', deadline: 'soon' }, 'DURATION_INVALID'],
    [{ name: 's', task: 't', every: '1m', cron: '@daily' }, 'SCHEDULE_INVALID'],
    [{ name: 's', task: 't', cron: 'often' }, 'CRON_INVALID'],
    [{ name: 's', task: 't', every: 'soon' }, 'DURATION_INVALID'],
    [{ name: 's', task: 't', every: '1m', colour: 'red' }, 'REQUEST_INVALID'],
  ] as const)('schedule %o is refused as %s', async ([body, code]) => {
    expect(await call('POST', '/api/schedules', body)).toMatchObject({ status: 400, body: { code } })
  })
})

describe('remote control', () => {
  test('asks and commands, and says which methods there are', async () => {
    const end = await broker.control.serve('w@h', (method, args) => ({ method, args }))
    const inspected = await call('GET', '/api/inspect/query_task?destination=w@h&args=%7B%22ids%22%3A%5B%22a%22%5D%7D')
    expect(inspected.body.replies).toEqual([{ worker: 'w@h', ok: true, value: { method: 'query_task', args: { ids: ['a'] } } }])
    const commanded = await call('POST', '/api/control/pool_grow', { args: { n: 2 }, destination: ['w@h'] })
    expect(commanded.body.replies).toEqual([{ worker: 'w@h', ok: true, value: { method: 'pool_grow', args: { n: 2 } } }])
    await end()
    expect(await call('GET', '/api/inspect/shutdown')).toMatchObject({ status: 400, body: { code: 'OPTION_INVALID' } })
    expect(await call('GET', '/api/inspect/ping?args=[]')).toMatchObject({ status: 400, body: { code: 'REQUEST_INVALID' } })
    expect(await call('GET', '/api/inspect/ping?args=%7B')).toMatchObject({ status: 400, body: { code: 'REQUEST_INVALID' } })
  })
})

/** A request with headers that fetch does not let go out. */
function raw(path: string, method: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const { port } = server
    const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode))
    })
    sent.on('error', reject).end()
  })
}

describe('the guard', () => {
  test('answers to the names of this machine alone', async () => {
    const { port } = server
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, 'LOCALHOST', `[::1]:${port}`]) {
      expect(await raw('/health', 'GET', { host })).toBe(200)
    }
    for (const host of ['evil.example', `evil.example:${port}`, 'localhost.evil.example', '127.0.0.1.nip.io']) {
      expect(await raw('/health', 'GET', { host })).toBe(403)
    }
  })

  test('takes changes from its own pages and from programs, not from other sites', async () => {
    const host = `127.0.0.1:${server.port}`
    const pause = '/api/queues/default/pause'
    expect(await raw(pause, 'POST', { host })).toBe(200)
    expect(await raw(pause, 'POST', { host, origin: `http://${host}`, 'sec-fetch-site': 'same-origin' })).toBe(200)
    expect(await raw(pause, 'POST', { host, origin: 'https://evil.example' })).toBe(403)
    expect(await raw(pause, 'POST', { host, origin: 'null' })).toBe(403)
    expect(await raw(pause, 'POST', { host, origin: `http://127.0.0.1:1` })).toBe(403)
    expect(await raw(pause, 'POST', { host, 'sec-fetch-site': 'cross-site' })).toBe(403)
    expect(await raw(pause, 'POST', { host, 'sec-fetch-site': 'same-site' })).toBe(403)
    expect(await raw('/api/queues', 'GET', { host, 'sec-fetch-site': 'cross-site' })).toBe(200)
  })

  test('takes further names when they are given', async () => {
    const named = await createServer({ client: broker, hosts: ['Lovage.example'] }).listen(0)
    const ask = (host: string) =>
      new Promise((resolve) => {
        request({ host: '127.0.0.1', port: named.port, path: '/health', headers: { host }, agent: false }, (response) => {
          response.resume()
          resolve(response.statusCode)
        }).end()
      })
    expect(await ask('lovage.example')).toBe(200)
    expect(await ask('other.example')).toBe(403)
    await named.close()
  })
})

describe('the server itself', () => {
  test('tells its health, its description and what runs here', async () => {
    expect((await call('GET', '/health')).body).toEqual({ status: 'ok', broker: 'queue' })
    const page = await call('GET', '/')
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(page.headers.get('x-content-type-options')).toBe('nosniff')
    expect(page.text).not.toMatch(/(?:src|href)="(?!\/)/)
    const { body } = await call('GET', '/openapi.json')
    expect(body.openapi).toBe('3.1.0')
    const documented = Object.entries<Record<string, unknown>>(body.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect(documented).toEqual(
      expect.arrayContaining(['GET /health', 'POST /api/tasks', 'GET /api/events', 'DELETE /api/schedules/{name}']),
    )
    for (const entry of documented) expect(page.text).toContain(entry.split(' ')[1])
    expect(body.paths['/api/tasks'].post.requestBody.content['application/json'].schema).toEqual({
      $ref: '#/components/schemas/SendTask',
    })
  })

  test('says in one line that its port is taken', async () => {
    const taken = createServer({ client: broker }).listen(server.port)
    await expect(taken).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: expect.stringMatching(/^\[port taken\] expected port \d+ on 127\.0\.0\.1 to be free/),
    })
    await expect(createServer({ client: broker }).listen(0, '192.0.2.1')).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })

  test('answers 503 when the store cannot be reached, and 500 without details for what nobody expected', async () => {
    const logged: object[] = []
    const logger: Logger = { debug() {}, info() {}, warn() {}, error: (fields) => logged.push(fields) }
    const errors = [new StoreError('STORE_UNAVAILABLE', 'the disk is gone'), new TypeError('secret detail')]
    const results = { ...broker.results, get: () => Promise.reject(errors.shift()) }
    const { app } = createServer({ client: { ...broker, results }, logger })
    const down = await app.request('http://localhost/health')
    expect([down.status, await down.json()]).toEqual([
      503,
      { code: 'STORE_UNAVAILABLE', message: 'the disk is gone', retryable: true },
    ])
    const broken = await app.request('http://localhost/health')
    expect(broken.status).toBe(500)
    expect(await broken.text()).not.toContain('secret')
    expect(logged).toHaveLength(1)
  })

  test('closes although a request never comes to its end', async () => {
    const socket = connect(server.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.write(`POST /api/tasks HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{`)
    await call('GET', '/health')
    await server.close()
    socket.destroy()
    await expect(fetch(`${server.url}/health`)).rejects.toThrow()
  })
})
