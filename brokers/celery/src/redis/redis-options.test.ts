/** Addresses and options: what Celery's users write, and what is refused in words. */
import { expect, test } from 'vitest'
import { redisAddress } from './redis-address.ts'
import { type RedisTransportOptions, redisSettings } from './redis-options.ts'

test('an address is read as Celery writes it, and shown without its password', () => {
  expect(redisAddress('redis://')).toMatchObject({ host: '127.0.0.1', port: 6379, database: 0, tls: undefined })
  expect(redisAddress('redis://me:p%40ss@example.org:6400/3')).toMatchObject({
    host: 'example.org',
    port: 6400,
    username: 'me',
    password: 'p@ss',
    database: 3,
    shown: 'redis://example.org:6400/3',
  })
  expect(redisAddress('rediss://[::1]/1?ssl_cert_reqs=CERT_NONE')).toMatchObject({
    host: '::1',
    tls: { rejectUnauthorized: false },
  })
  expect(redisAddress('rediss://h').tls).toEqual({ rejectUnauthorized: true })
  expect(redisAddress('redis+socket:///tmp/redis.sock?virtual_host=2')).toMatchObject({ path: '/tmp/redis.sock', database: 2 })
  const locked = redisAddress('redis+socket://:p%40ss@/tmp/redis.sock')
  expect(locked).toMatchObject({
    path: '/tmp/redis.sock',
    password: 'p@ss',
    database: 0,
    shown: 'redis+socket:///tmp/redis.sock',
  })
})

test.each([
  ['http://:secret@h', 'URL_UNSUPPORTED'],
  ['sentinel://h', 'URL_UNSUPPORTED'],
  ['redis://:secret@h/one', 'URL_UNSUPPORTED'],
  ['rediss://:secret@h?ssl_cert_reqs=maybe', 'OPTION_INVALID'],
  ['rediss://:secret@h?ssl_ca_certs=/no/such/file', 'OPTION_INVALID'],
])('%s is refused: %s', (url, code) => {
  const refusal = expect(() => redisAddress(url))
  refusal.toThrow(expect.objectContaining({ code }))
  expect(() => redisAddress(url)).not.toThrow(/secret/)
})

test('options that are left out are those of kombu', () => {
  expect(redisSettings('redis://h/9')).toMatchObject({
    visibilityMs: 3_600_000,
    prioritySteps: [0, 3, 6, 9],
    separator: '\x06\x16',
    fanoutPrefix: '/9.',
    unacked: 'unacked',
    unackedIndex: 'unacked_index',
    unackedMutex: 'unacked_mutex',
    mutexMs: 300_000,
    queueOrder: 'round_robin',
  })
})

test('a restorer that was killed at its work holds up the others for no longer than the visibility timeout', () => {
  expect(redisSettings('redis://h', { visibility_timeout: 2 }).mutexMs).toBe(2000)
  expect(redisSettings('redis://h', { visibility_timeout: 2, unacked_mutex_expire: 5 }).mutexMs).toBe(5000)
})

test.each<[RedisTransportOptions, RegExp]>([
  [{ visibility_timeout: 0 }, /expected `visibility_timeout` to be a number of seconds above 0, got: 0/],
  [{ priority_steps: [1, 2] }, /expected `priority_steps` to be whole numbers that rise from 0/],
  [{ priority_steps: [0, 3, 3] }, /priority_steps/],
  [{ sep: '' }, /expected `sep` to be a text/],
  [{ queue_order_strategy: 'random' as 'sorted' }, /expected `queue_order_strategy` to be one of round_robin, sorted, priority/],
  [{ visibilty_timeout: 5 } as RedisTransportOptions, /did you mean `visibility_timeout`/],
  [{ fanout_prefix: 5 as unknown as string }, /fanout_prefix/],
])('%o is refused', (options, message) => {
  expect(() => redisSettings('redis://h', options)).toThrow(message)
})

test('what an address does not say of TLS stays as the settings say it', () => {
  const { tls } = redisAddress('rediss://h?ssl_server_hostname=other', { rejectUnauthorized: false })
  expect(tls).toEqual({ rejectUnauthorized: false, servername: 'other' })
})
