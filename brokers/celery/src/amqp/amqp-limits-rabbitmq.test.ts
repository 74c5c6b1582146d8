/** Limits for each consumer, as quorum queues have them, on a real RabbitMQ. */
import { startRabbitmq } from '@lovage/services'
import { afterAll, expect, test, vi } from 'vitest'
import { consumer, message, open, soon, taskQueue } from './fixtures/world.ts'

const server = await startRabbitmq()
afterAll(() => server.stop())
let names = 0
const fresh = (): string => `q${++names}`

test('where each consumer has its own limit, more may be unsettled nevertheless, and fewer', async () => {
  const transport = await open(server.url)
  const queue = taskQueue(fresh(), { arguments: { 'x-queue-type': 'quorum' } })
  await transport.declare(queue)
  await transport.publish(Array.from({ length: 40 }, (_, n) => message(queue.name, n)))
  const { inflow, taken } = await consumer(transport, { queues: [queue], prefetch: 3 })
  const limits = async (): Promise<number[]> =>
    (await server.control('list_consumers', 'queue_name', 'prefetch_count'))
      .split('\n')
      .filter((line) => line.startsWith(`${queue.name}\t`))
      .map((line) => Number(line.split('\t')[1]))
  await vi.waitFor(() => expect(taken).toHaveLength(3), soon)
  inflow.setPrefetch(8)
  await vi.waitFor(() => expect(taken).toHaveLength(8), soon)
  inflow.setPrefetch(10)
  await vi.waitFor(() => expect(taken).toHaveLength(10), soon)
  inflow.setPrefetch(4)
  await vi.waitFor(async () => expect(await limits()).toEqual([3]), soon)
  for (const arrival of taken.slice(0, 10)) void arrival.settle('ack')
  await vi.waitFor(() => expect(taken).toHaveLength(14), soon)
  await vi.waitFor(async () => expect((await limits()).sort()).toEqual([1, 3]), soon)
  for (let limit = 5; limit <= 30; limit++) {
    inflow.setPrefetch(limit)
    await vi.waitFor(() => expect(taken.length).toBeGreaterThanOrEqual(10 + limit), soon)
  }
  expect((await limits()).length).toBeLessThan(15)
  inflow.setPrefetch(0)
  await vi.waitFor(() => expect(taken).toHaveLength(40), soon)
  await vi.waitFor(async () => expect(await limits()).toEqual([0]), soon)
})

test('what was for others in a pause takes no room afterwards', async () => {
  const transport = await open(server.url)
  const queue = taskQueue(fresh(), { arguments: { 'x-queue-type': 'quorum' } })
  await transport.declare(queue)
  const count = 600
  await transport.publish(Array.from({ length: count }, (_, n) => message(queue.name, n)))
  let pause = (): void => {}
  const { inflow, taken } = await consumer(transport, { queues: [], prefetch: count }, () => pause())
  pause = () => inflow.pause()
  await inflow.add(queue)
  await vi.waitFor(() => expect(taken.length).toBeGreaterThan(0), soon)
  pause = () => {}
  const early = taken.length
  expect(early).toBeLessThan(count)
  // Waits for its turn after the pause.
  await inflow.add(taskQueue(fresh()))
  inflow.resume()
  await vi.waitFor(() => expect(taken.length).toBe(count), soon)
})

test('a queue of another sort may be added: what is in hand comes again', async () => {
  const transport = await open(server.url)
  const [classic, quorum] = [taskQueue(fresh()), taskQueue(fresh(), { arguments: { 'x-queue-type': 'quorum' } })]
  await transport.declare(classic)
  await transport.declare(quorum)
  await transport.publish([classic, quorum].map(({ name }) => message(name, name)))
  const { inflow, taken, losses, values } = await consumer(transport, { queues: [classic] })
  await vi.waitFor(() => expect(taken).toHaveLength(1), soon)
  await inflow.add(quorum)
  await vi.waitFor(() => expect(values().slice(1).sort()).toEqual([classic.name, quorum.name].sort()), soon)
  expect(losses).toEqual([1])
  expect(await taken[0]!.settle('ack')).toBe(false)
  expect(transport.told).toEqual([])
})
