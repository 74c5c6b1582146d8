/** What the server refuses, by which status and code, and that each message says what to do. */
import { testBroker } from '@lovage/testing'
import { afterAll, describe, expect, test } from 'vitest'
import { createServer } from './index.ts'

const broker = await testBroker()
const { app } = createServer({ client: broker })
afterAll(() => broker.close())

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await app.request(path, {
    method,
    headers: { host: 'localhost', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return { status: response.status, headers: response.headers, body: JSON.parse(await response.text()) }
}

describe('requests that are refused', () => {
  test.for([
    ['GET', '/api/nothing', undefined, 404, 'ADDRESS_UNKNOWN'],
    ['PUT', '/api/tasks', {}, 405, 'REQUEST_INVALID'],
    ['PUT', '/api/task', {}, 404, 'ADDRESS_UNKNOWN'],
    ['GET', '/api/tasks?limit=0', undefined, 400, 'REQUEST_INVALID'],
    ['GET', '/api/tasks?limit=many', undefined, 400, 'REQUEST_INVALID'],
    ['GET', '/api/tasks?state=asleep', undefined, 400, 'REQUEST_INVALID'],
    ['GET', '/api/tasks/a/result?wait=3600', undefined, 400, 'REQUEST_INVALID'],
    ['POST', '/api/tasks', '{"name":', 400, 'REQUEST_INVALID'],
    ['POST', '/api/tasks', '', 400, 'REQUEST_INVALID'],
    ['POST', '/api/tasks', { input: 1 }, 400, 'REQUEST_INVALID'],
    ['POST', '/api/tasks', { name: 'a', inptu: 1 }, 400, 'REQUEST_INVALID'],
    ['POST', '/api/tasks', { name: 'two words' }, 400, 'NAME_INVALID'],
    ['POST', '/api/tasks', { name: 'a', delay: 'soon' }, 400, 'DURATION_INVALID'],
    ['POST', '/api/tasks', { name: 'a', delay: '1s', at: 5 }, 400, 'OPTION_INVALID'],
    ['POST', '/api/tasks', { name: 'a', dependencies: ['none'] }, 400, 'DEPENDENCY_UNKNOWN'],
    ['POST', '/api/tasks', { name: 'a', input: 'x'.repeat(1024 * 1024) }, 413, 'PAYLOAD_TOO_LARGE'],
  ] as const)('%s %s %o', async ([method, path, body, status, code]) => {
    const answer = await call(method, path, body)
    expect(answer).toMatchObject({ status, body: { code, message: expect.any(String), retryable: false } })
    expect(answer.body.message).not.toContain('\n')
  })

  test('another content for the same id is a conflict', async () => {
    await broker.send('double', 1, { id: 'a' })
    expect(await call('POST', '/api/tasks', { name: 'double', input: 2, id: 'a' })).toMatchObject({
      status: 409,
      body: { code: 'TASK_CONFLICT' },
    })
  })

  test('a body must say that it is JSON', async () => {
    const answer = await call('POST', '/api/tasks', '{"name":"a"}', { 'content-type': 'text/plain' })
    expect(answer).toMatchObject({ status: 415, body: { code: 'REQUEST_INVALID' } })
    expect(answer.body.message).toMatch(/got the content type: text\/plain; send the header content-type: application\/json$/)
  })

  test.for([
    ['POST', '/api/tasks', '{"name":', /^expected the body of POST \/api\/tasks to be JSON such as \{"name":"greet"\}, got text/],
    ['GET', '/api/tasks/a/result?wait=1m', undefined, /`wait`: expected seconds as a plain number such as 30$/],
    ['DELETE', '/api/tasks/a', undefined, /^expected GET for \/api\/tasks\/a, got: DELETE;/],
  ] as const)('%s %s says what to do', async ([method, path, body, message]) => {
    expect((await call(method, path, body)).body.message).toMatch(message)
  })

  test('a wrong method is told the right ones', async () => {
    expect((await call('PATCH', '/api/tasks', {})).headers.get('allow')).toBe('GET, POST')
  })
})
