/** A cluster behind TLS: RabbitMQ that wants to see a certificate, and who is let in. */
import { LovageError } from '@lovage/core'
import { startRabbitmq } from '@lovage/services'
import { Worker } from '@lovage/worker'
import { expect, onTestFinished, test } from 'vitest'
import { type CeleryBroker, createCeleryBroker } from './celery-broker.ts'
import { demoTasks } from './fixtures/demo-tasks.ts'
import type { CelerySettingsInput } from './settings/celery-settings.ts'

test('a worker and a sender work behind TLS, by certificate; others learn what is wrong', { timeout: 60_000 }, async () => {
  const server = await startRabbitmq({ tls: true })
  onTestFinished(() => server.stop())
  const open = (broker_use_ssl: CelerySettingsInput['broker_use_ssl'], url = server.url): Promise<CeleryBroker> =>
    createCeleryBroker({ url, results: 'rpc://', settings: { broker_use_ssl } })
  const { authority: ca_certs, certificate: certfile, key: keyfile } = server.tls!
  // Celery's users may leave `amqp:` as it is: the setting decides.
  const broker = await open({ ca_certs, certfile, keyfile }, server.url.replace('amqps:', 'amqp:'))
  const worker = new Worker({ broker, tasks: demoTasks, name: 'behind@tls' })
  onTestFinished(async () => {
    await worker.stop()
    await broker.close()
  })
  await worker.start()
  await broker.tasks.send([{ id: 'sum', name: 'demo.add', queue: 'default', priority: 4, args: [1, 2] }])
  expect(await broker.results.wait('sum', { timeoutMs: 20_000 })).toMatchObject({ state: 'completed', result: 3 })
  const lax = await open({ certfile, keyfile, cert_reqs: 'CERT_NONE' })
  await lax.close()
  for (const [setting, cause] of [
    [{ certfile, keyfile }, /certificate/],
    [{ ca_certs, cert_reqs: 'required' }, /certificate|closed|ECONNRESET/],
    [undefined, /certificate/],
  ] as const) {
    const error = await open(setting).catch((thrown: unknown) => thrown)
    expect(LovageError.is(error, 'STORE_UNAVAILABLE')).toBe(true)
    expect((error as Error).message).toMatch(cause)
    expect((error as Error).message).not.toContain('private')
  }
})
