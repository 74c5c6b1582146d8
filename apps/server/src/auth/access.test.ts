/** Who is let in over real HTTP: by bearer token, by Hawk, by nothing on this machine alone. */
import { request } from 'node:http'
import { type TestBroker, testBroker } from '@lovage/testing'
import { client as hawk } from 'hawk'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createTemporaryCredentials, fromNow } from '../fixtures/stock-client.ts'
import { type AccessClient, type AccessOptions, createServer, type Listening } from '../index.ts'

const root: AccessClient = { clientId: 'root', accessToken: 'root-token-of-enough-length', scopes: ['*'] }
const producer: AccessClient = {
  clientId: 'team/producer',
  accessToken: 'producer-token-of-enough-length',
  scopes: ['lovage:send:mail.*', 'lovage:read:tasks', 'auth:create-client:team/*'],
}

let broker: TestBroker
const servers: Listening[] = []
beforeEach(async () => {
  broker = await testBroker()
})
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
  await broker.close()
})

async function listen(access: AccessOptions = { clients: [root, producer] }): Promise<string> {
  const server = await createServer({ client: broker, access }).listen(0)
  servers.push(server)
  return server.url
}

async function call(url: string, authorization?: string, init: { method?: string; body?: string } = {}) {
  const headers = { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) }
  const response = await fetch(url, { ...init, headers })
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server says
  return { status: response.status, headers: response.headers, body: (await response.json()) as any }
}

interface Signing {
  readonly method?: string
  readonly ext?: unknown
  readonly timestamp?: number
  readonly nonce?: string
  readonly payload?: string
  readonly contentType?: string
}

function signed(
  url: string,
  { clientId, accessToken }: Omit<AccessClient, 'scopes'>,
  { method = 'GET', ext, ...rest }: Signing = {},
) {
  const credentials = { id: clientId, key: accessToken, algorithm: 'sha256' }
  const extension = ext === undefined ? {} : { ext: Buffer.from(JSON.stringify(ext)).toString('base64') }
  return hawk.header(url, method, { credentials, ...extension, ...rest }).header
}

/** As the stock client makes them. */
function temporary(issuer: AccessClient, options: { readonly clientId?: string; readonly scopes: readonly string[] }) {
  const expiry = fromNow('1 hour')
  const { certificate, ...credentials } = createTemporaryCredentials({ ...options, expiry, credentials: issuer })
  return { ...credentials, certificate: JSON.parse(certificate) }
}

describe('without clients', () => {
  test('everyone on this machine may do everything', async () => {
    const url = await listen({})
    expect(await call(`${url}/api/queues`)).toMatchObject({ status: 200 })
    expect(await call(`${url}/api/tasks`, undefined, { method: 'POST', body: '{"name":"greet"}' })).toMatchObject({ status: 201 })
  })

  test('credentials that mean nothing are refused all the same', async () => {
    const url = await listen({})
    for (const authorization of [`Bearer ${root.accessToken}`, signed(`${url}/api/queues`, root), 'Basic eDp5']) {
      expect(await call(`${url}/api/queues`, authorization)).toMatchObject({
        status: 401,
        body: { code: 'AUTHENTICATION_FAILED' },
      })
    }
  })

  test('credentials that the server itself has signed count all the same', async () => {
    const url = await listen({})
    const issuer = { clientId: 'lovage-issuer', accessToken: (await broker.admin?.secret('issuer')) ?? '', scopes: [] }
    const { certificate, ...credentials } = temporary(issuer, { clientId: 'task-client/x', scopes: ['lovage:read:tasks'] })
    const use = (path: string) => call(`${url}${path}`, signed(`${url}${path}`, credentials, { ext: { certificate } }))
    expect([(await use('/api/tasks')).status, (await use('/api/queues')).status]).toEqual([200, 403])
  })

  test('a public address is refused: others reach it', () => {
    const access = { publicUrl: 'https://queue.example.com' }
    expect(() => createServer({ client: broker, access })).toThrow(
      expect.objectContaining({
        code: 'OPTION_INVALID',
        message: expect.stringMatching(/expected clients with tokens to be reached/),
      }),
    )
  })

  test.for(['0.0.0.0', '::', '192.0.2.1', 'example.com'])('another address than this machine is refused: %s', async (host) => {
    const server = createServer({ client: broker })
    await expect(server.listen(0, host)).rejects.toThrow(
      expect.objectContaining({
        code: 'OPTION_INVALID',
        message: expect.stringMatching(/expected clients with tokens to listen on/),
      }),
    )
  })
})

describe('with clients', () => {
  test('another address is no obstacle', async () => {
    const server = await createServer({ client: broker, access: { clients: [root] } }).listen(0, '0.0.0.0')
    servers.push(server)
    const url = `http://127.0.0.1:${server.port}/api/queues`
    expect([(await call(url)).status, (await call(url, `Bearer ${root.accessToken}`)).status]).toEqual([401, 200])
  })

  test('nobody is let in without a token, on this machine neither', async () => {
    const url = await listen()
    const refused = await call(`${url}/api/queues`)
    expect(refused).toMatchObject({ status: 401, body: { code: 'AUTHENTICATION_FAILED', retryable: false } })
    expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="lovage", Hawk')
    expect(await call(`${url}/api/nothing/here`)).toMatchObject({ status: 401 })
    for (const path of ['/health', '/openapi.json']) expect((await call(`${url}${path}`)).status).toBe(200)
    expect((await fetch(url)).status).toBe(200)
  })

  test('every address of the document but a few asks who calls', async () => {
    const url = await listen()
    const { body: document } = await call(`${url}/openapi.json`)
    const answered: string[] = []
    for (const [path, methods] of Object.entries<object>(document.paths)) {
      for (const method of Object.keys(methods)) {
        const body = method === 'get' ? {} : { body: '{}' }
        const address = `${url}${path.replaceAll(/\{\w+\}/g, 'x')}`
        const { status } = await call(address, undefined, { method: method.toUpperCase(), ...body })
        const isNative = !/^\/(?:api\/(?:queue|worker-manager)\/v1|0\.2\.0)\//.test(path)
        // The contract's methods look at the request, and at what it is about, before they know which scopes it needs.
        if (isNative ? status !== 401 : status < 400) answered.push(`${method} ${path}`)
      }
    }
    const health = ['ping', '__lbheartbeat__', '__heartbeat__', '__version__']
    const open = ['queue', 'worker-manager'].flatMap((api) => health.map((word) => `get /api/${api}/v1/${word}`))
    expect(answered.sort()).toEqual(['get /health', ...open].sort())
  })

  test('the document says how to show who calls, and which scopes are asked for', async () => {
    const { body: document } = await call(`${await listen()}/openapi.json`)
    expect(document.components.securitySchemes).toEqual({
      bearer: { type: 'http', scheme: 'bearer' },
      hawk: { type: 'http', scheme: 'hawk' },
    })
    const said = (path: string, method: string) => document.paths[path][method].description
    expect(said('/api/queues/{name}/pause', 'post')).toMatch('`lovage:change:queues`')
    expect(said('/api/tasks', 'post')).toMatch('`lovage:send:<name>`')
    expect(said('/api/tasks', 'get')).toMatch('`lovage:read:tasks`')
    expect(said('/health', 'get')).toBeUndefined()
  })

  test('a bearer token is a client, and has its scopes', async () => {
    const url = await listen()
    const bearer = (client: AccessClient) => `Bearer ${client.accessToken}`
    expect(await call(`${url}/api/queues`, bearer(root))).toMatchObject({ status: 200 })
    expect(await call(`${url}/api/tasks`, `bearer  ${producer.accessToken} `)).toMatchObject({ status: 200 })
    expect(await call(`${url}/api/queues`, bearer(producer))).toMatchObject({
      status: 403,
      body: { code: 'SCOPES_INSUFFICIENT', message: expect.stringMatching(/lovage:read:queues, which client team\/producer/) },
    })
    expect(await call(`${url}/api/queues/q/pause`, bearer(producer), { method: 'POST' })).toMatchObject({ status: 403 })
    const send = (name: string) => call(`${url}/api/tasks`, bearer(producer), { method: 'POST', body: JSON.stringify({ name }) })
    expect([(await send('mail.welcome')).status, (await send('images.resize')).status]).toEqual([201, 403])
    expect(await call(`${url}/api/queues`, `Bearer ${root.accessToken}x`)).toMatchObject({ status: 401 })
  })
})

test('a schedule sends only what its maker may send', async () => {
  const maker = {
    clientId: 'maker',
    accessToken: 'maker-token-of-enough-length',
    scopes: ['lovage:change:schedules', 'lovage:send:mail.*'],
  }
  const url = await listen({ clients: [maker] })
  const add = (task: string) => {
    const body = JSON.stringify({ name: task, task, every: '1h' })
    return call(`${url}/api/schedules`, `Bearer ${maker.accessToken}`, { method: 'POST', body })
  }
  expect([(await add('mail.digest')).status, (await add('images.resize')).status]).toEqual([201, 403])
})

describe('Hawk', () => {
  test('signs method, address, time and body', async () => {
    const url = await listen()
    const tasks = `${url}/api/tasks`
    expect(await call(`${tasks}?state=pending`, signed(`${tasks}?state=pending`, root))).toMatchObject({ status: 200 })
    expect(await call(`${tasks}?state=failed`, signed(`${tasks}?state=pending`, root))).toMatchObject({ status: 401 })
    expect(await call(`${url}/api/queues/x/pause`, signed(`${url}/api/queues/x/pause`, root), { method: 'POST' })).toMatchObject({
      status: 401,
      body: { message: expect.stringMatching(/POST .*another signature/) },
    })
    const payload = '{"name":"mail.welcome"}'
    const withHash = () => signed(tasks, producer, { method: 'POST', payload, contentType: 'application/json' })
    expect(await call(tasks, withHash(), { method: 'POST', body: payload })).toMatchObject({ status: 201 })
    expect(await call(tasks, withHash(), { method: 'POST', body: '{"name":"mail.other"}' })).toMatchObject({ status: 401 })
    // Some clients sign that there is no body.
    const authorization = signed(tasks, root, { payload: '', contentType: '' })
    expect((await fetch(tasks, { headers: { authorization } })).status).toBe(200)
    const large = JSON.stringify({ name: 'mail.welcome', input: 'x'.repeat(2_000_000) })
    const signedLarge = signed(tasks, producer, { method: 'POST', payload: large, contentType: 'application/json' })
    expect(await call(tasks, signedLarge, { method: 'POST', body: large })).toMatchObject({ status: 413 })
  })

  test('signs a path as it was sent, with what is encoded in it', async () => {
    const url = await listen()
    const path = `${url}/api/queues/a%2Fb%C3%A4/pause`
    expect(await call(path, signed(path, root, { method: 'POST' }), { method: 'POST' })).toMatchObject({
      status: 200,
      body: { queue: 'a/bä' },
    })
  })

  test('is let in once', async () => {
    const url = `${await listen()}/api/tasks`
    const header = signed(url, root)
    expect([(await call(url, header)).status, (await call(url, header)).status]).toEqual([200, 401])
  })

  test.for([
    [-14, 200],
    [14, 200],
    [-16, 401],
    [16, 401],
  ] as const)('may be %d minutes off: %d', async ([minutes, status]) => {
    const url = `${await listen()}/api/tasks`
    const timestamp = Math.floor(Date.now() / 1000) + minutes * 60
    const answer = await call(url, signed(url, root, { timestamp }))
    expect(answer.status).toBe(status)
    if (status === 401) expect(answer.headers.get('www-authenticate')).toMatch(/Hawk ts="\d+", tsm=".+", error="Stale timestamp"/)
  })

  test('with a narrower window is refused earlier', async () => {
    const url = `${await listen({ clients: [root], clockSkew: '60s' })}/api/tasks`
    const timestamp = Math.floor(Date.now() / 1000) - 90
    expect((await call(url, signed(url, root, { timestamp }))).status).toBe(401)
  })

  test.for(['[::1]:4600', 'localhost:4600', 'localhost'])('signs the address as it is called: %s', async (host) => {
    const { app } = createServer({ client: broker, access: { clients: [root] } })
    const authorization = signed(`http://${host}/api/tasks`, root)
    expect((await app.request('/api/tasks', { headers: { host, authorization } })).status).toBe(200)
  })

  test('names the public address behind a proxy', async () => {
    const url = await listen({ clients: [root], publicUrl: 'https://queue.example.com' })
    const authorization = signed('https://queue.example.com/api/tasks', root)
    expect(await call(`${url}/api/tasks`, authorization)).toMatchObject({ status: 200 })
    expect(await call(`${url}/api/tasks`, signed('https://other.example.com/api/tasks', root))).toMatchObject({ status: 401 })
  })

  test.for([
    ...['queue.example.com', 'ftp://queue.example.com', 'https://me@queue.example.com'],
    ...['https://queue.example.com/lovage', 'https://queue.example.com/?a=1'],
  ])('a public address is an origin, not %s', (publicUrl) => {
    const access = { clients: [root], publicUrl }
    expect(() => createServer({ client: broker, access })).toThrow(/http or https address without a path/)
  })

  test('may give up scopes for one request', async () => {
    const url = `${await listen()}/api/tasks`
    const less = (...authorizedScopes: string[]) => signed(url, producer, { ext: { authorizedScopes } })
    expect((await call(url, less('lovage:read:tasks'))).status).toBe(200)
    expect((await call(url, less('lovage:send:mail.a'))).status).toBe(403)
    expect((await call(url, less('lovage:read:*'))).status).toBe(401)
  })

  test('takes temporary credentials, with a name and without', async () => {
    const url = `${await listen()}/api/tasks`
    const use = ({ certificate, ...credentials }: ReturnType<typeof temporary>, authorizedScopes?: readonly string[]) =>
      call(url, signed(url, credentials, { ext: { certificate, authorizedScopes } }))
    expect((await use(temporary(producer, { scopes: ['lovage:read:tasks'] }))).status).toBe(200)
    expect((await use(temporary(producer, { scopes: ['lovage:send:mail.*'] }))).status).toBe(403)
    expect((await use(temporary(producer, { scopes: ['lovage:read:*'] }))).status).toBe(401)
    expect((await use(temporary(producer, { clientId: 'team/helper', scopes: ['lovage:read:tasks'] }))).status).toBe(200)
    expect((await use(temporary(producer, { clientId: 'other/helper', scopes: ['lovage:read:tasks'] }))).status).toBe(401)
    expect((await use(temporary(root, { scopes: ['lovage:read:tasks', 'x'] }), ['x'])).status).toBe(403)
    const forged = temporary({ ...root, accessToken: 'another-token-of-enough-length' }, { scopes: ['*'] })
    expect((await use(forged)).status).toBe(401)
  })

  test('with very many scopes is taken', async () => {
    const url = `${await listen()}/api/tasks`
    const scopes = ['lovage:read:tasks', ...Array.from({ length: 200 }, (_, i) => `queue:route:index.project.${i}`)]
    const { certificate, ...credentials } = temporary(root, { scopes })
    expect((await call(url, signed(url, credentials, { ext: { certificate } }))).status).toBe(200)
  })

  test('is asked for by name: nobody signs as the issuer of the server itself', async () => {
    const url = `${await listen()}/api/tasks`
    const accessToken = (await broker.admin?.secret('issuer')) ?? ''
    expect((await call(url, signed(url, { clientId: 'lovage-issuer', accessToken }))).status).toBe(401)
    expect((await call(url, `Bearer ${accessToken}`)).status).toBe(401)
    const issuer = { clientId: 'lovage-issuer', accessToken, scopes: [] }
    const { certificate, ...credentials } = temporary(issuer, { clientId: 'task-client/x', scopes: ['lovage:read:tasks'] })
    expect((await call(url, signed(url, credentials, { ext: { certificate } }))).status).toBe(200)
  })

  test.for(['Hawk', 'Hawk id="root"', 'Hawk id="root", ts="1", nonce="n", mac="m", ext="no json"', 'Bearer', 'Digest x'])(
    'is refused when it is none: %s',
    async (authorization) => {
      expect(await call(`${await listen()}/api/tasks`, authorization)).toMatchObject({ status: 401 })
    },
  )
})

describe('a signed address', () => {
  function bewit(url: string, { clientId, accessToken }: Omit<AccessClient, 'scopes'>, ext?: unknown, ttlSec = 60): string {
    const credentials = { id: clientId, key: accessToken, algorithm: 'sha256' }
    const extension = ext === undefined ? {} : { ext: Buffer.from(JSON.stringify(ext)).toString('base64') }
    return hawk.getBewit(url, { credentials, ttlSec, ...extension })
  }

  test('may be followed until it expires, as often as one likes', async () => {
    const url = `${await listen()}/api/tasks`
    const address = `${url}?bewit=${bewit(url, root)}`
    expect([(await call(address)).status, (await call(address)).status]).toEqual([200, 200])
    expect((await call(`${url}?bewit=${bewit(url, root, undefined, -1)}`)).status).toBe(401)
    expect((await call(`${url}?bewit=${bewit(url, { ...root, accessToken: 'x' })}`)).status).toBe(401)
    expect((await call(`${url}?bewit=`)).status).toBe(401)
  })

  test('is signed with its parameters, and for reading alone', async () => {
    const url = await listen()
    const tasks = `${url}/api/tasks?state=pending&limit=5`
    const token = bewit(tasks, root)
    expect((await call(`${tasks}&bewit=${token}`)).status).toBe(200)
    expect((await call(`${url}/api/tasks?state=pending&bewit=${token}&limit=5`)).status).toBe(200)
    expect((await call(`${url}/api/tasks?state=failed&limit=5&bewit=${token}`)).status).toBe(401)
    const pause = `${url}/api/queues/q/pause`
    expect((await call(`${pause}?bewit=${bewit(pause, root)}`, undefined, { method: 'POST' })).status).toBe(401)
  })

  test('gives the scopes of who signed it, by temporary credentials as well', async () => {
    const url = `${await listen()}/api/queues`
    const tasks = url.replace('queues', 'tasks')
    expect((await call(`${url}?bewit=${bewit(url, producer)}`)).status).toBe(403)
    expect((await call(`${tasks}?bewit=${bewit(tasks, producer)}`)).status).toBe(200)
    const { certificate, ...credentials } = temporary(producer, { clientId: 'team/x', scopes: ['lovage:read:tasks'] })
    expect((await call(`${tasks}?bewit=${bewit(tasks, credentials, { certificate })}`)).status).toBe(200)
  })
})

test.each([
  [
    'of the option',
    (port: number) => `queue.internal:${port}`,
    (port: number) => `http://queue.internal:${port}`,
    { hosts: ['queue.internal'] },
  ],
  ['of the public address', () => 'queue.example.com', () => 'https://queue.example.com', {}],
] as const)('a server on this machine answers to the name %s, as a proxy sends it', async (_, hostAt, rootAt, more) => {
  const access = { clients: [root], publicUrl: 'https://queue.example.com' }
  const server = await createServer({ client: broker, access, ...more }).listen(0)
  servers.push(server)
  const { port } = server
  const headers = { host: hostAt(port), authorization: signed(`${rootAt(port)}/api/tasks`, root) }
  const status = await new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', path: '/api/tasks', headers }, (answer) =>
      resolve(answer.resume().statusCode),
    )
    sent.on('error', reject).end()
  })
  expect(status).toBe(200)
})
