/** URLs as Celery users write them, and what else a transport may be told. */
import { expect, test } from 'vitest'
import type { TaskQueue } from '../transport.ts'
import { amqpAddress } from './amqp-address.ts'
import { amqpSettings } from './amqp-options.ts'
import { backoffMs } from './backoff.ts'
import { isGlobalQos, prefetchOnWire } from './qos.ts'

test.each([
  ['amqp://', { protocol: 'amqp', hostname: 'localhost', port: undefined, username: 'guest', password: 'guest', vhost: '/' }],
  ['amqp://guest@localhost//', { hostname: 'localhost', username: 'guest', password: 'guest', vhost: '/' }],
  [
    'pyamqp://u:p%40ss@broker:5673/my%2Fhost',
    { protocol: 'amqp', port: 5673, username: 'u', password: 'p@ss', vhost: 'my/host' },
  ],
  ['amqps://[::1]/a%25b?heartbeat=10', { protocol: 'amqps', hostname: '::1', vhost: 'a%b', heartbeat: 10 }],
])('%s', (url, expected) => {
  expect(amqpAddress(url)).toMatchObject(expected)
})

test('a password is in no text for people', () => {
  expect(amqpAddress('amqp://u:secret@broker:5673/shop').shown).toBe('amqp://broker:5673/shop')
  expect(() => amqpAddress('http://u:secret@broker')).toThrow(/^(?!.*secret).*amqp:\/\/user:password@host/)
  expect(() => amqpAddress('amqp://u:se/cret@:broker')).toThrow(/^(?!.*se.cret).*got/)
})

test.each([
  [{ url: [] }, /at least one `url`/],
  [{ url: 'amqp://h', heartbeat: 1.5 }, /`heartbeat`.*got: 1.5/],
  [{ url: 'amqp://h?heartbeat=soon' }, /`heartbeat` of the URL.*got: "?soon/],
  [{ url: 'amqp://h?hartbeat=1' }, /did you mean `heartbeat`/],
])('%j is refused', (options, message) => {
  expect(() => amqpSettings(options)).toThrow(message)
})

test('waits grow as Celery has them grow', () => {
  expect([0, 1, 2, 15, 16, 17, 1000].map(backoffMs)).toEqual([0, 2000, 4000, 30_000, 32_000, 32_000, 32_000])
})

test('the limit is one for all consumers where RabbitMQ can, and no queue forbids it', () => {
  const queue = (type?: string): TaskQueue => ({
    name: 'q',
    exchange: 'q',
    exchangeType: 'direct',
    routingKey: 'q',
    arguments: type === undefined ? {} : { 'x-queue-type': type },
  })
  const rabbit = (version: string) => ({ product: 'RabbitMQ', version })
  expect(
    ['3.2.4', '3.3.0', '3.10.8', '3.13.7', '4.0.2', '4.1.0'].map((version) => isGlobalQos(rabbit(version), [queue()])),
  ).toEqual([false, true, true, true, false, false])
  expect(isGlobalQos(rabbit('3.10.8'), [queue(), queue('quorum')])).toBe(false)
  expect(isGlobalQos(rabbit('3.10.8'), [queue('classic')])).toBe(true)
  expect(isGlobalQos({ product: 'LavinMQ', version: '3.5.0' }, [queue()])).toBe(false)
  expect([0, 1, 65_535, 65_536].map(prefetchOnWire)).toEqual([0, 1, 65_535, 0])
})
