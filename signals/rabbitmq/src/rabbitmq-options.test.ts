import { expect, test } from 'vitest'
import { rabbitmqSettings } from './rabbitmq-options.ts'

test('the URL says where the broker is, and may say more', () => {
  const { address, ...settings } = rabbitmqSettings(
    'amqps://me:p%40ss@[::1]:1234/my%2Fhost?prefix=shop&heartbeat=2&events=false',
    {
      prefix: 'other',
      crashGrace: '1s',
    },
  )
  const shown = 'amqps://[::1]:1234/my%2Fhost'
  const login = { username: 'me', password: 'p@ss' }
  expect(address).toEqual({ protocol: 'amqps', hostname: '::1', port: 1234, vhost: 'my/host', shown, ...login })
  expect(settings).toMatchObject({ prefix: 'shop', heartbeatMs: 2000, crashGraceMs: 1000, rearmMs: 600_000, events: false })
  expect(rabbitmqSettings('amqp://mq').address).toMatchObject({
    port: undefined,
    vhost: '/',
    username: undefined,
    shown: 'amqp://mq',
  })
})

const refusals: readonly (readonly [string, object | undefined, RegExp])[] = [
  ['redis://u:secret@mq', undefined, /^\[url unsupported\] expected `amqp:.*` or amqps:, got: "redis:\/\/mq"$/],
  ['nonsense', undefined, /got: "nonsense"$/],
  ['amqp://u:secret@', undefined, /got: "amqp:\/\/"$/],
  ['amqp://mq?heartbeet=1', undefined, /option of the URL of RabbitMQ .* got: "heartbeet"; did you mean `heartbeat`\?$/],
  ['amqp://mq?events=no', undefined, /`events` to be `true` or `false`, got: "no"$/],
  ['amqp://mq', { heartbeat: 1500 }, /`heartbeat` to be whole seconds, at least one, got: 1500$/],
  ['amqp://mq', { prefix: 'a.b' }, /`prefix` to be 1 to 40 letters, digits, - and _, got: "a\.b"$/],
  ['amqp://mq', { rearm: 1 }, /`rearm` to be at least 100 ms, got: 1$/],
]
test.for(refusals)('refuses %s with %o', ([url, options, message]) => {
  expect(() => rabbitmqSettings(url, options)).toThrow(message)
  expect(() => rabbitmqSettings(url, options)).not.toThrow(/secret/)
})
