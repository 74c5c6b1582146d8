/** Which addresses lead to a Celery cluster, and what is said of those that do not. */
import { expect, test } from 'vitest'
import { checkBrokerOptions } from './broker-options.ts'

test("a cluster is found by every scheme that Celery's users write", () => {
  const kinds = ['amqp://h', 'amqps://h', 'pyamqp://guest@h//', 'redis://h', 'rediss://h', 'redis+socket:///run/redis.sock']
  expect(kinds.map((url) => checkBrokerOptions({ url }).transport)).toEqual(['amqp', 'amqp', 'amqp', 'redis', 'redis', 'redis'])
  const results = ['rpc://', 'redis://h/1', 'redis+socket:///run/redis.sock']
  const resultsOf = (url: string) => checkBrokerOptions({ url: 'amqp://h', results: url })
  expect(results.map((url) => resultsOf(url).results)).toEqual(['rpc', 'redis', 'redis'])
})

test('a password is in no message, however it is written', () => {
  for (const url of ['sqs://key:s/ec@ret@host/q', 'sqs://key:secret@host']) {
    expect(() => checkBrokerOptions({ url })).toThrow(/^\[url unsupported\](?!.*(s\/ec|ret|key)).*sqs:\/\/host/)
  }
})
